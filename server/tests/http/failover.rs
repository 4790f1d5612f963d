//! Two PostgreSQL servers, of which one fails: the program moves to the other one by itself, and nothing
//! that was acknowledged is lost.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    Database, NO_LIMITS, PASSWORD, Response, Server, SetOnDrop, TestEnv, TokenPair,
    postgres_server::{PostgresServer, database_url},
    wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Requests recover within 5 seconds on a machine that does nothing else.
const RECOVERY: Duration = Duration::from_secs(20);

/// How many clients send requests at the same time.
const CLIENTS: usize = 6;

/// What the server has acknowledged.
#[derive(Default)]
struct Acknowledged {
    registered: Vec<String>,
    signed_in: Vec<TokenPair>,
    signed_out: Vec<TokenPair>,
    /// When the last request has failed, and when each registration was acknowledged.
    last_failure: Option<Instant>,
    registrations: Vec<Instant>,
}

impl Acknowledged {
    /// Returns whether a request has succeeded. It may only fail because the database is unavailable.
    fn is_success(&mut self, response: &Response, status: u16) -> bool {
        if response.status != status {
            assert_eq!(response.status, 503, "{response}");
            self.last_failure = Some(Instant::now());
        }
        response.status == status
    }
}

fn sign_out(server: &Server, pair: &TokenPair) -> Response {
    server.post("/api/user/logout").token(&pair.token).send()
}

/// Creates accounts, signs in, and ends every second session, until `done`.
fn storm(server: &Server, client: usize, acknowledged: &Mutex<Acknowledged>, done: &AtomicBool) {
    let lock = || acknowledged.lock().expect("no panic");
    for number in 0.. {
        if done.load(Ordering::Relaxed) {
            return;
        }
        let email = format!("user-{client}-{number}@example.com");
        let created = server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send();
        if !lock().is_success(&created, 201) {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        lock().registrations.push(Instant::now());
        lock().registered.push(email.clone());
        let signed_in = server.try_sign_in(&email, PASSWORD);
        if !lock().is_success(&signed_in, 200) {
            continue;
        }
        let pair = TokenPair::from(&signed_in);
        if number % 2 == 0 {
            lock().signed_in.push(pair);
            continue;
        }
        let signed_out = sign_out(server, &pair);
        if lock().is_success(&signed_out, 204) {
            lock().signed_out.push(pair);
        }
    }
}

/// Whether this is a run with PostgreSQL.
fn is_postgres(env: &TestEnv) -> bool {
    matches!(env.database, Database::Postgres(_))
}

#[test]
fn loses_nothing_when_the_primary_server_is_killed() {
    fail_over(PostgresServer::kill);
}

/// As when its machine or the network to it is down: nothing even refuses connections.
#[test]
fn loses_nothing_when_the_primary_server_falls_silent() {
    fail_over(PostgresServer::stop);
}

fn fail_over(fail: fn(&mut PostgresServer)) {
    let env = TestEnv::new();
    if !is_postgres(&env) {
        return;
    }
    let (mut primary, standby) = PostgresServer::start_pair(env.folder());
    // The standby server comes first: the program has to find out.
    let url = database_url(&[&standby, &primary]);
    let server = env.start(&[("DATABASE_URL", &url), NO_LIMITS]);
    let ended = server.sign_up("ada@example.com");
    assert_eq!(sign_out(&server, &ended).status, 204);
    let grace = server.sign_up("grace@example.com");

    let (acknowledged, done) = (Mutex::<Acknowledged>::default(), AtomicBool::new(false));
    let count = || acknowledged.lock().expect("no panic").registrations.len();
    let promoted = thread::scope(|scope| {
        let _ended = SetOnDrop(&done);
        for client in 0..CLIENTS {
            let (server, acknowledged, done) = (&server, &acknowledged, &done);
            scope.spawn(move || storm(server, client, acknowledged, done));
        }
        wait_until("registrations", TIMEOUT, || count() >= 50);
        fail(&mut primary);
        wait_until("requests fail", TIMEOUT, || {
            server.get("/readyz").send().status == 503
        });
        let before = count();
        standby.promote();
        let promoted = Instant::now();
        wait_until("registrations again", TIMEOUT, || count() >= before + 50);
        promoted
    });

    let all = acknowledged.into_inner().expect("no panic");
    let recovered = all.registrations.iter().find(|time| **time > promoted);
    let recovered = recovered.expect("a registration").duration_since(promoted);
    // Requests that waited for a connection may all have succeeded.
    let last_failure = all.last_failure.map_or(Duration::ZERO, |time| {
        time.saturating_duration_since(promoted)
    });
    eprintln!("first success after {recovered:?}, last failure after {last_failure:?}");
    assert!(recovered < RECOVERY, "{recovered:?}");
    assert!(last_failure < RECOVERY, "{last_failure:?}");
    assert!(all.signed_out.len() > 10, "{}", all.signed_out.len());
    for email in &all.registered {
        server.sign_in(email);
    }
    for pair in &all.signed_in {
        server.assert_valid(pair);
    }
    for pair in all.signed_out.iter().chain([&ended]) {
        server.assert_revoked(pair);
    }
    server.assert_valid(&grace);
    assert_eq!(server.get("/readyz").send().status, 200);
}

/// As in a planned change: the former primary server still serves all its connections, and can only be read.
#[test]
fn leaves_a_server_that_has_become_read_only() {
    let env = TestEnv::new();
    if !is_postgres(&env) {
        return;
    }
    let (primary, standby) = PostgresServer::start_pair(env.folder());
    let url = database_url(&[&primary, &standby]);
    let server = env.start(&[("DATABASE_URL", &url), NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    let has_cache = || server.metric("latchkey_cache_up_to_date") == 1.0;
    wait_until("the cache is in use", TIMEOUT, has_cache);
    server.view(&pair.token);

    primary.set("default_transaction_read_only", "on");
    standby.promote();
    // Nobody sends a request that writes.
    let connected =
        "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'latchkey'";
    wait_until("the program has moved", RECOVERY, || {
        standby.text(connected) != "0"
    });
    wait_until("the cache is in use", TIMEOUT, has_cache);
    standby.text("UPDATE users SET is_admin = true RETURNING ''");
    wait_until("the change arrives", TIMEOUT, || {
        server.view(&pair.token).json()["is_admin"] == json!(true)
    });
    server.sign_up("grace@example.com");
    assert_eq!(standby.text("SELECT count(*)::text FROM users"), "2");
    assert_eq!(primary.text("SELECT count(*)::text FROM users"), "1");
    server.assert_valid(&pair);
    drop(primary);
    server.sign_in("ada@example.com");
}

#[test]
fn refuses_to_start_where_no_server_can_be_written() {
    let env = TestEnv::new();
    if !is_postgres(&env) {
        return;
    }
    let (primary, standby) = PostgresServer::start_pair(env.folder());
    let [one, other] = [primary.address(), standby.address()];
    let migrate = |servers: &[&PostgresServer]| {
        let mut command = env.command(&[("DATABASE_URL", &database_url(servers))]);
        command.arg("migrate");
        env.run_command(command, "")
    };
    let output = migrate(&[&standby]);
    let line = output.assert_fails_with_one_line();
    assert!(
        line.contains(&other) && line.contains("can't be written"),
        "{line}"
    );
    let output = migrate(&[&standby, &primary]);
    assert_eq!(output.code, Some(0), "{output:?}");

    let mut primary = primary;
    primary.kill();
    let output = migrate(&[&standby, &primary]);
    let line = output.assert_fails_with_one_line();
    assert!(
        line.contains(&format!("{other}: ")) && line.contains(&format!("{one}: ")),
        "{line}"
    );
    assert!(
        line.contains("can't be written") && line.contains("refused"),
        "{line}"
    );
}
