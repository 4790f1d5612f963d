use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use tempfile::TempDir;

use super::{Database, Server};

/// The name of the stand-in site's files, with a hash like the one that the build gives them.
pub const SITE_FILE: &str = "latchkey.Zm9ycnmVhbGx5bm90";

/// How long a command of the program may take.
const RUN_LIMIT: Duration = Duration::from_secs(30);

/// Where the program lives: a folder with its data and a stand-in for the built site, a database,
/// and an address. It outlasts the program, so that a test can start it again.
pub struct TestEnv {
    /// The program's database.
    pub database: Database,
    /// The address to serve, free when this home was made.
    pub address: SocketAddr,
    folder: TempDir,
}

/// What a finished run of the program left.
#[derive(Debug)]
pub struct Output {
    /// The exit status; `None` where it had to be killed.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl TestEnv {
    /// A new home, with nothing in it yet.
    pub fn new() -> Arc<Self> {
        let folder = TempDir::new().expect("a folder for the test");
        make_site(&folder.path().join("site"));
        Arc::new(Self {
            database: Database::new(&folder.path().join("data")),
            address: free_address(),
            folder,
        })
    }

    /// The folder that the program is run in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The program's data folder; the program makes it.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The URL that the program takes for its own.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The program, not started yet, with the settings that every test has and these. Nothing else
    /// comes through from the outer world.
    pub fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command
            .current_dir(self.folder())
            .env_clear()
            .env("LATCHKEY_LISTEN", self.address.to_string())
            .env("LATCHKEY_SITE_ROOT", self.folder().join("site"))
            .env("LATCHKEY_ARGON2", "m=256,t=1,p=1")
            .envs(
                self.database
                    .url()
                    .map(|url| ("DATABASE_URL", url.to_owned())),
            )
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Starts the program with these settings besides those of every test, and waits until it can
    /// serve.
    #[track_caller]
    pub fn start(self: &Arc<Self>, settings: &[(&str, &str)]) -> Server {
        Server::new(Arc::clone(self), self.command(settings))
    }

    /// Starts the program as this command says, and waits until it can serve.
    #[track_caller]
    pub fn start_command(self: &Arc<Self>, command: Command) -> Server {
        Server::new(Arc::clone(self), command)
    }

    /// Runs a command of the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&[]);
        command.args(arguments);
        self.run_command(command, "")
    }

    /// Runs any command to its end, with this standard input.
    pub fn run_command(&self, mut command: Command, input: &str) -> Output {
        let folder = TempDir::new_in(self.folder()).expect("a folder for the output");
        let file = |name: &str| fs::File::create(folder.path().join(name)).expect("a file");
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the program starts");
        // The program may end without a look at its input.
        let _ = process
            .stdin
            .take()
            .expect("a standard input")
            .write_all(input.as_bytes());
        let code = exit_code(&mut process, RUN_LIMIT);
        let read =
            |name: &str| fs::read_to_string(folder.path().join(name)).expect("the output is UTF-8");
        Output {
            code,
            stdout: read("stdout"),
            stderr: read("stderr"),
        }
    }
}

impl Output {
    /// The program failed, and one line says why.
    #[track_caller]
    pub fn assert_fails_with_one_line(&self) -> &str {
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!((self.code, lines.len()), (Some(1), 1), "{self:?}");
        assert_ne!(lines[0].trim(), "", "{self:?}");
        lines[0]
    }
}

/// Waits for a process to end; one that does not within the limit is killed.
pub fn exit_code(process: &mut Child, limit: Duration) -> Option<i32> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if let Some(status) = process.try_wait().expect("a process can be waited for") {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    process.kill().expect("a process can be killed");
    process.wait().expect("a killed process ends");
    None
}

/// Each test gets a port of its own. They are counted up below the range from which the system
/// gives ports to outgoing connections, from a place that differs from one run to the next.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    let place = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or_default();
    (0..COUNT)
        .map(|_| NEXT.fetch_add(1, Ordering::Relaxed))
        .map(|step| FIRST + (place.wrapping_mul(7).wrapping_add(step)) % COUNT)
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .expect("a free port")
}

/// The files that the program looks for in the built site. What is in them does not matter, as
/// long as it differs.
fn make_site(site: &Path) {
    let package = site.join("pkg");
    fs::create_dir_all(&package).expect("a folder for the site");
    for extension in ["js", "wasm", "css"] {
        for compression in ["", ".br", ".gz"] {
            let name = format!("{SITE_FILE}.{extension}{compression}");
            let content = format!("/* the content of {name} */");
            fs::write(package.join(name), content).expect("a file of the site");
        }
    }
    fs::write(site.join("robots.txt"), "User-agent: *\n").expect("a file of the site");
}
