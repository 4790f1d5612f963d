//! PostgreSQL servers of a test's own: a primary server and a standby server, which can be killed and promoted.

use std::{
    fs,
    net::{Ipv6Addr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use url::Url;

use super::{database::query_postgres, free_address, wait_until};

const USER: &str = "latchkey";
const PASSWORD: &str = "hush-hush";
const DATABASE: &str = "latchkey";

const TIMEOUT: Duration = Duration::from_secs(60);

/// The name of the standby server, for which the primary one waits at each commit.
const STANDBY: &str = "standby";

/// A running PostgreSQL server. It is killed when dropped.
pub struct PostgresServer {
    process: Child,
    port: u16,
    host: &'static str,
}

impl PostgresServer {
    /// Starts a primary server with an empty database, and a standby server that has each commit before the
    /// client is told of it. Their data is in this folder.
    pub fn start_pair(folder: &Path) -> (Self, Self) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).expect("a folder to share");
        let primary_data = folder.join("primary");
        let password = folder.join("password");
        fs::write(&password, PASSWORD).expect("a file for the password");
        let mut initdb = command("initdb");
        initdb
            .arg("--pgdata")
            .arg(&primary_data)
            .args(["--username", USER, "--auth", "scram-sha-256", "--no-sync"])
            .arg("--pwfile")
            .arg(password);
        run(initdb);
        let primary = Self::start(&primary_data, "127.0.0.1", "primary");
        primary
            .query("postgres", &format!("CREATE DATABASE {DATABASE}"))
            .expect("a new database");

        let standby_data = folder.join(STANDBY);
        let mut copy = command("pg_basebackup");
        copy.env("PGPASSWORD", PASSWORD)
            .args(["--host", primary.host, "--port", &primary.port.to_string()])
            .args(["--username", USER, "--checkpoint", "fast", "--no-sync"])
            .args(["--write-recovery-conf", "--pgdata"])
            .arg(&standby_data);
        run(copy);
        // Where the machine has IPv6, the URL contains an address of it, too.
        let has_ipv6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
        let host = if has_ipv6 { "[::1]" } else { "127.0.0.1" };
        let standby = Self::start(&standby_data, host, STANDBY);
        primary.set("synchronous_standby_names", STANDBY);
        wait_until("the standby server has caught up", TIMEOUT, || {
            primary.text("SELECT COALESCE(max(sync_state), '') FROM pg_stat_replication") == "sync"
        });
        (primary, standby)
    }

    fn start(data: &Path, host: &'static str, name: &str) -> Self {
        let port = free_address().port();
        let log = fs::File::create(data.with_extension("log")).expect("a file for the log");
        let mut postgres = command("postgres");
        postgres.arg("-D").arg(data);
        for setting in [
            &format!("port={port}"),
            &format!("cluster_name={name}"),
            "listen_addresses=127.0.0.1,::1",
            "unix_socket_directories=",
            "max_connections=100",
            // A process is killed here, never the machine.
            "fsync=off",
        ] {
            postgres.args(["-c", setting]);
        }
        let process = postgres.stderr(log).spawn().expect("postgres starts");
        let server = Self {
            process,
            port,
            host,
        };
        wait_until("PostgreSQL serves", TIMEOUT, || {
            server.query("postgres", "SELECT ''").is_ok()
        });
        server
    }

    /// The host and the port, as in a URL.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Returns the result of a query with one row and one column, cast to text.
    #[track_caller]
    pub fn text(&self, sql: &str) -> String {
        self.query(DATABASE, sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Changes a setting of the server, also for its present connections.
    #[track_caller]
    pub fn set(&self, setting: &str, value: &str) {
        let changed = self.query(
            "postgres",
            &format!("ALTER SYSTEM SET {setting} = '{value}'"),
        );
        changed.expect("a setting that can be changed");
        self.text("SELECT pg_reload_conf()::text");
    }

    /// Makes the standby server a primary one. Returns when it can be written.
    #[track_caller]
    pub fn promote(&self) {
        assert_eq!(self.text("SELECT pg_promote()::text"), "true");
    }

    /// Kills all processes of the server at once, so that nothing is completed.
    pub fn kill(&mut self) {
        self.signal("-KILL");
        let _ = self.process.wait();
    }

    /// Stops all processes of the server: connections stay open, and get no answer.
    pub fn stop(&mut self) {
        self.signal("-STOP");
    }

    fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        kill.arg(signal).arg(self.process.id().to_string());
        kill.args(children(self.process.id()).iter().map(u32::to_string));
        // A process that has ended by itself is as good.
        let _ = kill.stderr(Stdio::null()).status();
    }

    fn query(&self, database: &str, sql: &str) -> sqlx::Result<String> {
        let address = self.address();
        let url = format!("postgres://{USER}:{PASSWORD}@{address}/{database}?sslmode=disable");
        query_postgres(&Url::parse(&url).expect("a URL"), sql)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The `DATABASE_URL` that names these servers.
pub fn database_url(servers: &[&PostgresServer]) -> String {
    let addresses: Vec<String> = servers.iter().map(|server| server.address()).collect();
    format!(
        "postgres://{USER}:{PASSWORD}@{}/{DATABASE}?sslmode=disable&target_session_attrs=read-write",
        addresses.join(",")
    )
}

/// Returns a command of PostgreSQL, which refuses to run as root.
fn command(name: &str) -> Command {
    let mut command = Command::new(programs().join(name));
    command.current_dir("/").stdin(Stdio::null());
    if rustix::process::getuid().is_root() {
        let number = |option: &str| {
            let id = Command::new("id").args([option, "postgres"]).output();
            let id = String::from_utf8(id.expect("the command id").stdout).expect("a number");
            id.trim().parse().expect("the user postgres")
        };
        command.gid(number("-g")).uid(number("-u"));
    }
    command
}

/// The folder of the newest version. Debian has only some of its programs on the search path.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("Debian's package postgresql");
    let mut versions: Vec<u32> = versions
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    versions.sort_unstable();
    let newest = versions.last().expect("a version of PostgreSQL");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

#[track_caller]
fn run(mut command: Command) {
    let output = command.output().expect("a program of PostgreSQL");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The processes that this process has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("Linux");
    let ids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        // The fields after the name, which is in parentheses: the state, and the parent.
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split(' ');
        fields.nth(2) == Some(&*parent.to_string())
    })
    .collect()
}
