//! A reverse proxy, such as nginx, in front of running programs.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::{document, wait_until};

/// A running proxy. It is killed when dropped.
pub struct ReverseProxy(Child);

impl Drop for ReverseProxy {
    fn drop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl ReverseProxy {
    /// Starts a proxy with this command, and waits until it listens on this address.
    #[track_caller]
    pub fn start(mut command: Command, address: SocketAddr) -> Self {
        let program = command.get_program().to_owned();
        let spawned = command.stdin(Stdio::null()).spawn();
        let process = Self(spawned.unwrap_or_else(|error| {
            panic!("{program:?}: {error}; scripts/tools test installs it");
        }));
        wait_until("the proxy listens", Duration::from_secs(20), || {
            TcpStream::connect(address).is_ok()
        });
        process
    }

    /// Starts nginx with these directives within `http`. Its files are in this folder.
    #[track_caller]
    pub fn start_nginx(folder: &Path, http: &str, address: SocketAddr) -> Self {
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {}/nginx-{name};\n", folder.display()))
            .collect();
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {0}/nginx.pid;\nerror_log {0}/nginx.log;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}\n{http}\n}}\n",
            folder.display(),
        );
        let file = folder.join("nginx.conf");
        fs::write(&file, configuration).expect("a file");
        let mut command = Command::new("nginx");
        command
            .env("PATH", "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
            .args(["-e", "stderr", "-c"])
            .arg(file);
        Self::start(command, address)
    }
}

/// The example in `docs/operations.md` in this language that contains this text.
#[track_caller]
pub fn example(language: &str, part: &str) -> String {
    let text = document("operations.md");
    let blocks = text.split("```").skip(1).step_by(2);
    let mut found = blocks
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .filter(|block| block.contains(part));
    let example = found.next();
    example
        .unwrap_or_else(|| panic!("no example of {part}"))
        .to_owned()
}
