//! PgBouncer between the program and PostgreSQL.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use url::Url;

use crate::{
    postgres::{fill_pool, name, postgres},
    support::{NO_LIMITS, PASSWORD, TestEnv, free_address, wait_until},
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// PgBouncer in front of a database. It is killed when dropped.
struct PgBouncer(Child);

impl PgBouncer {
    /// Starts it, and returns it with the URL that goes through it.
    fn start(env: &TestEnv, url: &Url, pool_mode: &str) -> (Self, Url) {
        let folder = env.folder().join("pgbouncer");
        fs::create_dir(&folder).expect("a test of PgBouncer can be set up");
        for open in [env.folder(), &folder] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o777))
                .expect("a test of PgBouncer can be set up");
        }
        let address = free_address();
        let file = folder.join("pgbouncer.ini");
        let settings = format!(
            "[databases]\n{} = host={} port={} user={} password={}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {pool_mode}\ndefault_pool_size = 40\nlogfile = {}\n",
            name(url),
            url.host_str().expect("a test of PgBouncer can be set up"),
            url.port().expect("a test of PgBouncer can be set up"),
            url.username(),
            url.password().expect("a test of PgBouncer can be set up"),
            address.port(),
            folder.join("log").display(),
        );
        fs::write(&file, settings).expect("a test of PgBouncer can be set up");
        let mut command = Command::new("/usr/sbin/pgbouncer");
        // It refuses to run as root.
        if rustix::process::getuid().is_root() {
            command.args(["-u", "postgres"]);
        }
        let child = command
            .arg("-q")
            .arg(file)
            .stdin(Stdio::null())
            .spawn()
            .expect("pgbouncer is installed (apt-get install pgbouncer)");
        wait_until("PgBouncer listens", TIMEOUT, || {
            std::net::TcpStream::connect(address).is_ok()
        });
        let mut through = url.clone();
        through
            .set_ip_host(address.ip())
            .expect("a test of PgBouncer can be set up");
        through
            .set_port(Some(address.port()))
            .expect("a test of PgBouncer can be set up");
        (Self(child), through)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn works_behind_pgbouncer_in_session_mode() {
    let Some((env, url)) = postgres() else { return };
    let (bouncer, through) = PgBouncer::start(&env, &url, "session");
    let server = env.start(&[("DATABASE_URL", through.as_str()), NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    fill_pool(&server, &pair);
    // The limits of the session hold, and notifications arrive.
    wait_until("the cache is in use", TIMEOUT, || {
        server.metric("latchkey_cache_up_to_date") == 1.0
    });
    env.database.execute("UPDATE users SET is_admin = true");
    wait_until("the change arrives", Duration::from_secs(2), || {
        server.view(&pair.token).json()["is_admin"] == json!(true)
    });
    assert_ne!(
        env.database.text(
            "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'latchkey'"
        ),
        "0"
    );
    server.database().while_locked(|| {
        let start = Instant::now();
        server
            .try_sign_in("ada@example.com", PASSWORD)
            .assert_error(503, "unavailable");
        assert!(start.elapsed() < Duration::from_secs(15));
    });
    server.assert_valid(&pair);
    drop(server);
    drop(bouncer);
}

/// Neither notifications nor settings of the session nor prepared statements pass through these modes.
#[test]
fn refuses_pgbouncer_in_other_modes() {
    for mode in ["transaction", "statement"] {
        let Some((env, url)) = postgres() else { return };
        let (bouncer, through) = PgBouncer::start(&env, &url, mode);
        for arguments in [&[][..], &["migrate"], &["user", "list"]] {
            let mut command = env.command(&[("DATABASE_URL", through.as_str())]);
            command.args(arguments);
            let output = env.run_command(command, "");
            let line = output.assert_fails_with_one_line();
            assert!(line.contains("pool_mode = session"), "{mode}: {line}");
        }
        drop(bouncer);
    }
}
