//! The unit and the socket for systemd.

use std::{fs, net::TcpStream, path::Path, process::Command};

use crate::support::{TestEnv, free_address};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging");

/// Copies the unit and the socket to a folder, as if the program was installed.
fn units(folder: &Path) -> [String; 2] {
    ["latchkey.service", "latchkey.socket"].map(|name| {
        let text = fs::read_to_string(format!("{FOLDER}/{name}")).expect("it is there");
        let text = text.replace("/usr/local/bin/latchkey", env!("CARGO_BIN_EXE_latchkey"));
        let path = folder.join(name);
        fs::write(&path, text).expect("the folder is writable");
        path.to_str().expect("the folder is in ASCII").to_owned()
    })
}

fn assert_accepts(arguments: &[&str]) {
    let output = Command::new("systemd-analyze").args(arguments).output();
    let output = output.expect("scripts/tools installs systemd");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{output:?}");
}

#[test]
fn systemd_finds_nothing_wrong() {
    let env = TestEnv::new();
    let [service, socket] = units(env.folder());
    assert_accepts(&["--man=no", "verify", &service, &socket]);
}

/// `systemd-analyze` counts in tenths.
#[test]
fn the_program_is_exposed_by_two_of_ten_at_most() {
    let env = TestEnv::new();
    let [service, _] = units(env.folder());
    assert_accepts(&[
        "security",
        "--offline=true",
        "--threshold=20",
        "--no-pager",
        &service,
    ]);
}

/// What latchkey.socket does: systemd listens, and starts the program when somebody connects.
#[test]
fn serves_the_socket_that_systemd_hands_over() {
    let env = TestEnv::new();
    let other = free_address();
    let settings = [("LATCHKEY_LISTEN", &*other.to_string())];
    let script = format!(
        r#"exec systemd-socket-activate --listen={} $(env | sed -n 's/^\(LATCHKEY_[A-Z_0-9]*\|DATABASE_URL\)=.*/--setenv=\1/p') "$0""#,
        env.address
    );
    let mut command = env.command_in_shell(&settings, &script);
    command.env("PATH", "/usr/bin:/bin");
    let server = env.start_command(command);
    server.sign_up("ada@example.com");
    TcpStream::connect(other).expect_err("the socket takes the place of LATCHKEY_LISTEN");
}
