//! The environment in which a test runs the program.

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

/// The name of the placeholder site's files, with a hash like those of the real build.
pub const SITE_FILE: &str = "latchkey.Zm9ycnmVhbGx5bm90";

/// How long a command of the program may take.
const RUN_LIMIT: Duration = Duration::from_secs(30);

/// The environment of the program: a folder with its data and a placeholder for the built site, a
/// database, and an address. It outlives the program, so that a test can start the program again.
pub struct TestEnv {
    /// The program's database.
    pub database: Database,
    /// The address to serve, which was free when the environment was created.
    pub address: SocketAddr,
    /// The address to serve metrics on.
    pub metrics_address: SocketAddr,
    folder: TempDir,
}

/// The output of a finished process.
#[derive(Debug)]
pub struct Output {
    /// The exit status, or `None` if the process had to be killed.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl TestEnv {
    /// Creates an empty environment.
    pub fn new() -> Arc<Self> {
        Self::with(Database::new)
    }

    /// Creates an empty environment, whose database has no tables either.
    pub fn without_tables() -> Arc<Self> {
        Self::with(|folder| Database::with_options(folder, ""))
    }

    /// Creates an empty environment, whose database has a Turkish locale if it has any.
    pub fn turkish() -> Arc<Self> {
        const OPTIONS: &str = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' \
                               LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'";
        Self::with(|folder| Database::with_options(folder, OPTIONS))
    }

    /// Creates an empty environment with SQLite, whatever the database of this run is.
    pub fn with_sqlite() -> Arc<Self> {
        Self::with(|folder| Database::Sqlite(folder.join("latchkey.db")))
    }

    fn with(database: impl FnOnce(&Path) -> Database) -> Arc<Self> {
        let folder = TempDir::new().expect("a folder for the test");
        make_site(&folder.path().join("site"));
        Arc::new(Self {
            database: database(&folder.path().join("data")),
            address: free_address(),
            metrics_address: free_address(),
            folder,
        })
    }

    /// The working folder of the program.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder, which the program creates.
    pub fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    /// The public URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a command that runs the program with the common test settings and these. It inherits
    /// no environment variables.
    pub fn command(&self, settings: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_latchkey"));
        command
            .current_dir(self.folder())
            .env_clear()
            .env("LATCHKEY_LISTEN", self.address.to_string())
            .env("LATCHKEY_METRICS_LISTEN", self.metrics_address.to_string())
            .env("LATCHKEY_SITE_ROOT", self.folder().join("site"))
            .env("LATCHKEY_ARGON2", "m=256,t=1,p=1")
            // A database that is not there stays so.
            .env("LATCHKEY_DB_START_TIMEOUT", "0s")
            .envs(
                self.database
                    .url()
                    .map(|url| ("DATABASE_URL", url.to_owned())),
            )
            .envs(settings.iter().copied())
            .stdin(Stdio::null());
        command
    }

    /// Returns a command that runs an example, which embeds the server, with the common test settings and
    /// these. `cargo test` builds the examples.
    pub fn example_command(&self, name: &str, settings: &[(&str, &str)]) -> Command {
        let folder = Path::new(env!("CARGO_BIN_EXE_latchkey")).with_file_name("examples");
        self.other_command(Command::new(folder.join(name)), settings)
    }

    /// Returns a command that runs a shell script. In the script, `$0` is the program, which has the common
    /// test settings and these.
    pub fn command_in_shell(&self, settings: &[(&str, &str)], script: &str) -> Command {
        let mut command = self.other_command(Command::new("sh"), settings);
        command.args(["-c", script, env!("CARGO_BIN_EXE_latchkey")]);
        command
    }

    /// The same in a mount namespace of its own.
    pub fn command_in_namespace(&self, settings: &[(&str, &str)], script: &str) -> Command {
        let mut command = self.other_command(Command::new("unshare"), settings);
        // Anybody may mount in a namespace in which they are root.
        command
            .args(["--map-root-user", "--mount", "sh", "-c", script])
            .arg(env!("CARGO_BIN_EXE_latchkey"))
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    /// Gives another command what the program gets: the folder, and nothing but the settings.
    fn other_command(&self, mut command: Command, settings: &[(&str, &str)]) -> Command {
        command
            .current_dir(self.folder())
            .env_clear()
            .stdin(Stdio::null());
        for (name, value) in self.command(settings).get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    /// Starts the program with the common test settings and these, and waits until it is ready.
    #[track_caller]
    pub fn start(self: &Arc<Self>, settings: &[(&str, &str)]) -> Server {
        Server::new(Arc::clone(self), self.command(settings))
    }

    /// Starts the program with this command, and waits until it is ready.
    #[track_caller]
    pub fn start_command(self: &Arc<Self>, command: Command) -> Server {
        Server::new(Arc::clone(self), command)
    }

    /// Runs the program with these arguments until it exits.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&[]);
        command.args(arguments);
        self.run_command(command, "")
    }

    /// Runs a command with this standard input until it exits.
    pub fn run_command(&self, mut command: Command, input: &str) -> Output {
        let folder = TempDir::new_in(self.folder()).expect("a folder for the output");
        let file = |name: &str| fs::File::create(folder.path().join(name)).expect("a file");
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("the program starts");
        // The program may exit without reading its input.
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
    /// The program failed and printed one line. Returns the line.
    #[track_caller]
    pub fn assert_fails_with_one_line(&self) -> &str {
        let lines: Vec<_> = self.stderr.lines().collect();
        assert_eq!((self.code, lines.len()), (Some(1), 1), "{self:?}");
        assert_ne!(lines[0].trim(), "", "{self:?}");
        lines[0]
    }
}

/// Waits for a process to exit, and kills it after the limit.
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

/// Returns a port that no other test uses. Ports are counted up below the ephemeral range, from a
/// start that differs from one run to the next.
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

/// Creates the files that the program expects in the built site. Their contents differ, and are
/// otherwise arbitrary.
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
