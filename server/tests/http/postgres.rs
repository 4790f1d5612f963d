//! PostgreSQL as it is run: connections that end or fall silent, roles without rights, other programs in
//! the same database.

use std::{
    fs,
    process::Command,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use url::Url;

use crate::support::{
    Database, NO_LIMITS, PASSWORD, Server, TestEnv, TokenPair, concurrently,
    postgres_administration,
    proxy::{Network, Proxy},
    wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// Returns an environment with a PostgreSQL database and its URL, or `None` in a run with SQLite.
pub fn postgres() -> Option<(Arc<TestEnv>, Url)> {
    let env = TestEnv::new();
    let Database::Postgres(url) = &env.database else {
        return None;
    };
    let url = url.clone();
    Some((env, url))
}

pub fn name(url: &Url) -> &str {
    url.path().trim_start_matches('/')
}

/// Has the program open as many connections as it may.
pub fn fill_pool(server: &Server, pair: &TokenPair) {
    for _ in 0..3 {
        concurrently(20, |_| {
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            assert_eq!(sessions.status, 200, "{sessions}");
        });
    }
}

/// The numbers of the processes that serve the program's connections.
fn backends(database: &Database) -> Vec<String> {
    let pids = database.text(
        "SELECT COALESCE(string_agg(pid::text, ' '), '') FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    pids.split_whitespace().map(str::to_owned).collect()
}

/// A connection that was cut while it was idle is replaced before anything is lost.
#[test]
fn nobody_notices_that_idle_connections_were_cut() {
    let Some((env, url)) = postgres() else { return };
    let server = env.start(&[NO_LIMITS]);
    let mut pair = server.sign_up("ada@example.com");
    for pause in [0, 0, 50, 1000] {
        fill_pool(&server, &pair);
        postgres_administration(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
            name(&url)
        ));
        thread::sleep(Duration::from_millis(pause));
        for number in 0..10 {
            // A query, a transaction, and a statement that writes by itself.
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            assert_eq!(
                sessions.status, 200,
                "{number} after {pause} ms: {sessions}"
            );
            pair = TokenPair::from(&server.refresh(&pair.refresh_token));
            server.sign_in("ada@example.com");
        }
        assert_eq!(server.get("/readyz").send().status, 200);
    }
}

/// Nobody but the probe uses the connections, once every ten seconds or so.
#[test]
fn is_ready_at_the_first_probe_after_an_outage() {
    let Some((env, _)) = postgres() else { return };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[("DATABASE_URL", &proxy.url()), NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    for away in [Network::Disconnected, Network::Stalled] {
        fill_pool(&server, &pair);
        let ready = || server.get("/readyz").send().status;
        proxy.set(away);
        wait_until("not ready", TIMEOUT, || ready() == 503);
        proxy.stall_existing();
        proxy.set(Network::Up);
        // The last result is given to other probes for a second.
        thread::sleep(Duration::from_millis(1100));
        assert_eq!(ready(), 200, "{away:?}: {}", server.log());
    }
}

/// The processes that serve the connections are stopped. The kernel goes on acknowledging packets, so
/// no keepalive of TCP would notice.
#[test]
fn silent_connections_are_replaced() {
    struct Stopped(Vec<String>);
    impl Stopped {
        fn signal(&self, signal: &str) {
            let kill = Command::new("kill").arg(signal).args(&self.0).status();
            assert!(kill.expect("a command").success());
        }
    }
    impl Drop for Stopped {
        fn drop(&mut self) {
            self.signal("-CONT");
        }
    }

    let Some((env, _)) = postgres() else { return };
    let server = env.start(&[NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    fill_pool(&server, &pair);
    let stopped = Stopped(backends(&env.database));
    assert!(stopped.0.len() > 5, "{:?}", stopped.0);
    stopped.signal("-STOP");
    let start = Instant::now();
    concurrently(10, |_| {
        let sessions = server.get("/api/user/sessions").token(&pair.token).send();
        assert_eq!(sessions.status, 200, "{sessions}");
    });
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "{:?}",
        start.elapsed()
    );
    for _ in 0..10 {
        server.sign_in("ada@example.com");
    }
    assert_eq!(server.get("/readyz").send().status, 200);
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

/// As on a standby server, and after a failover to another one.
#[test]
fn read_only_database_is_unavailable_until_it_can_be_written() {
    let Some((env, url)) = postgres() else { return };
    let server = env.start(&[NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    let set = |read_only| {
        let name = name(&url);
        let setting = format!("default_transaction_read_only = {read_only}");
        postgres_administration(&format!("ALTER DATABASE {name} SET {setting}"));
    };
    let ready = || server.get("/readyz").send().status;
    set("on");
    for pid in backends(&env.database) {
        postgres_administration(&format!("SELECT pg_terminate_backend({pid})"));
    }
    wait_until("not ready", TIMEOUT, || ready() == 503);
    let response = server.try_sign_in("ada@example.com", PASSWORD);
    assert_ne!(response.header("retry-after"), "", "{response}");
    response.assert_error(503, "unavailable");
    assert_eq!(
        server
            .get("/api/user/sessions")
            .token(&pair.token)
            .send()
            .status,
        200
    );
    // Its present connections stay read-only; they have to be replaced.
    set("off");
    wait_until("ready", Duration::from_secs(4), || ready() == 200);
    server.sign_in("ada@example.com");
    server.assert_valid(&pair);
}

/// An owner makes the tables; the server runs as a role that may only change rows.
#[test]
fn serves_with_rights_on_rows_only() {
    let Some((env, url)) = postgres() else { return };
    let output = env.run(&["migrate"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let role = format!("{}_rows", name(&url));
    postgres_administration(&format!("CREATE ROLE {role} LOGIN PASSWORD 'hush-hush'"));
    for statement in [
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC".to_owned(),
        format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"),
    ] {
        env.database.execute(&statement);
    }
    let mut rows_only = url.clone();
    rows_only.set_username(&role).unwrap();
    rows_only.set_password(Some("hush-hush")).unwrap();
    let server = env.start(&[("DATABASE_URL", rows_only.as_str())]);
    let pair = server.sign_up("ada@example.com");
    server.assert_valid(&pair);
    drop(server);
    env.database.execute(&format!("DROP OWNED BY {role}"));
    postgres_administration(&format!("DROP ROLE {role}"));
}

/// Another program that uses sqlx keeps its migrations in a table of the name that sqlx chooses.
#[test]
fn shares_a_database_with_another_program() {
    let env = TestEnv::new();
    let (bytes, value) = match env.database {
        Database::Sqlite(_) => ("BLOB", "x'00ff'"),
        Database::Postgres(_) => ("BYTEA", "'\\x00ff'"),
    };
    fs::create_dir(env.data_dir()).unwrap();
    if let Database::Sqlite(file) = &env.database {
        fs::write(file, "").unwrap();
    }
    for statement in [
        format!(
            "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
             installed_on TEXT, success BOOLEAN NOT NULL, checksum {bytes} NOT NULL, \
             execution_time BIGINT NOT NULL)"
        ),
        format!(
            "INSERT INTO _sqlx_migrations VALUES (1, 'accounts', '', true, {value}, 1), \
             (77, 'other', '', true, {value}, 1)"
        ),
    ] {
        env.database.execute(&statement);
    }
    for _ in 0..2 {
        let server = env.start(&[]);
        server.get("/readyz").send();
    }
    env.start(&[]).sign_up("ada@example.com");
    assert_eq!(env.database.count("_sqlx_migrations", "true"), 2);
    assert_ne!(env.database.count("latchkey_migrations", "true"), 0);
}
