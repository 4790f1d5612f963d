//! What breaks under the program: its own process, the connections to the database, the disk. Nothing
//! that was answered for is lost or undone, and nobody has to start anything again.

use std::{
    net::TcpStream,
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    Database, PASSWORD, Server, TestEnv, TokenPair, concurrently, postgres_administration,
    proxy::{Network, Proxy},
    wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// All come from one address here.
const NO_LIMITS: (&str, &str) = ("LATCHKEY_RATE_LIMITS", "off");

/// How many people do something at the same time when the program is killed.
const PEOPLE: usize = 8;

/// What the program has answered for.
#[derive(Default)]
struct Answered {
    registered: Vec<String>,
    signed_out: Vec<TokenPair>,
}

#[test]
fn a_kill_in_a_storm_undoes_nothing_that_was_answered() {
    let env = TestEnv::new();
    let mut counts = (0, 0);
    for round in 0..3 {
        let mut server = env.start(&[NO_LIMITS]);
        let answered = Mutex::new(Answered::default());
        thread::scope(|scope| {
            for person in 0..PEOPLE {
                let (server, answered) = (&server, &answered);
                scope.spawn(move || {
                    for number in 0.. {
                        let email = format!("storm-{round}-{person}-{number}@example.com");
                        if live(server, &email, answered).is_none() {
                            return;
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(1500));
            server.signal("KILL");
        });
        server.wait();
        let server = env.start(&[NO_LIMITS]);
        let answered = answered.into_inner().expect("no panic");
        for email in &answered.registered {
            let sign_in = server.try_sign_in(email, PASSWORD);
            assert_eq!(sign_in.status, 200, "{email}: {sign_in}");
        }
        for pair in &answered.signed_out {
            server.assert_revoked(pair);
        }
        counts.0 += answered.registered.len();
        counts.1 += answered.signed_out.len();
    }
    assert!(counts.0 > 20 && counts.1 > 20, "{counts:?}");
    if let Database::Sqlite(_) = env.database {
        assert_eq!(env.database.text("PRAGMA integrity_check"), "ok");
    }
}

/// Registers, signs in and signs out everywhere; ends when the server does.
fn live(server: &Server, email: &str, answered: &Mutex<Answered>) -> Option<()> {
    let account = json!({"email": email, "password": PASSWORD});
    let created = server
        .post("/api/user/create")
        .json(account.clone())
        .try_send()
        .ok()?;
    assert_eq!(created.status, 201, "{created}");
    answered
        .lock()
        .expect("no panic")
        .registered
        .push(email.to_owned());
    let signed_in = server
        .post("/api/user/login")
        .json(account)
        .try_send()
        .ok()?;
    let pair = TokenPair::from(&signed_in);
    let out = server
        .post("/api/user/logout/all")
        .token(&pair.token)
        .try_send()
        .ok()?;
    assert_eq!(out.status, 204, "{out}");
    answered.lock().expect("no panic").signed_out.push(pair);
    Some(())
}

/// Every answer meanwhile is a good one or a clear 503, and it is over soon, by itself.
#[test]
fn connections_that_are_cut_are_made_anew() {
    let server = Server::start();
    let Database::Postgres(_) = server.database() else {
        return; // nobody can cut a connection to a file
    };
    let name = server.database().text("SELECT current_database()::text");
    let pair = server.sign_up("ada@example.com");
    for _ in 0..5 {
        cut_connections(&name);
        let responses = concurrently(16, |_| {
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            sessions.status
        });
        assert!(
            responses.iter().all(|status| [200, 503].contains(status)),
            "{responses:?}"
        );
        wait_until("good responses", TIMEOUT, || {
            server.try_sign_in("ada@example.com", PASSWORD).status == 200
        });
    }
    server.assert_valid(&pair);
}

#[test]
fn a_database_that_is_away_and_back_needs_no_restart() {
    for away in [Network::Disconnected, Network::Stalled] {
        let env = TestEnv::new();
        let Database::Postgres(_) = env.database else {
            return; // a file is not away
        };
        let proxy = Proxy::new(&env.database);
        let server = env.start(&[("DATABASE_URL", &proxy.url())]);
        let pair = server.sign_up("ada@example.com");
        assert_eq!(server.view(&pair.token).status, 200);
        proxy.set(away);
        wait_until("the program says so", TIMEOUT, || {
            server.get("/readyz").send().status == 503
        });
        assert_eq!(server.get("/healthz").send().status, 200);
        // Memory is trusted no longer than the lease, and then there is nobody to ask.
        wait_until("no response from memory", TIMEOUT, || {
            server.view(&pair.token).status == 503
        });
        let response = server.try_sign_in("ada@example.com", PASSWORD);
        assert_ne!(response.header("retry-after"), "", "{response}");
        response.assert_error(503, "overloaded");

        proxy.set(Network::Up);
        wait_until("the program is ready", TIMEOUT, || {
            server.get("/readyz").send().status == 200
        });
        wait_until("everything works", TIMEOUT, || {
            server.view(&pair.token).status == 200
        });
        server.assert_valid(&pair);
    }
}

/// The connections have gone without a word. Who gets one of them is answered in time, and none of
/// them is used again, nor keeps the place of another.
#[test]
fn connections_that_went_without_a_word_are_given_up() {
    // It is two seconds; on a busy machine it takes longer, but not the request's thirty.
    const LIMIT: Duration = Duration::from_secs(12);
    let env = TestEnv::new();
    let Database::Postgres(_) = env.database else {
        return; // a file needs no connection
    };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[
        ("DATABASE_URL", &proxy.url()),
        ("LATCHKEY_DB_CONNECTIONS", "3"),
        // With a second on top, the time that a statement may take.
        ("LATCHKEY_DB_WAIT", "500ms"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "500ms"),
    ]);
    let pair = server.sign_up("ada@example.com");
    // Whether it was answered from the database.
    let ask = || {
        let asked = Instant::now();
        let response = server.get("/api/user/sessions").token(&pair.token).send();
        assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
        let good = response.status == 200;
        if !good {
            response.assert_error(503, "overloaded");
        }
        good
    };
    let wait_for_connections = || {
        // One of the three may be away for a heartbeat.
        wait_until("idle connections", TIMEOUT, || {
            concurrently(16, |_| ask()) == [true; 16]
                && server.metric(r#"latchkey_database_connections{state="idle"}"#) >= 2.0
        });
    };
    let mut failed = 0;
    for _ in 0..3 {
        wait_for_connections();
        proxy.stall_existing();
        failed += concurrently(6, |_| ask())
            .iter()
            .filter(|good| !**good)
            .count();

        // Some of them are in use this time, and some on their way back.
        wait_for_connections();
        concurrently(16, |index| {
            if index == 0 {
                proxy.stall_existing();
            }
            for _ in 0..20 {
                ask();
            }
        });
    }
    assert!(failed > 0);
    wait_for_connections();
    server.assert_valid(&pair);
}

/// Somebody else locks what a sign-in needs, for longer than it may wait.
#[test]
fn nobody_waits_for_the_database_for_longer_than_is_set() {
    let database = [
        ("LATCHKEY_DB_WAIT", "300ms"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "300ms"),
    ];
    let request = [("LATCHKEY_REQUEST_TIMEOUT", "300ms")];
    for settings in [&database[..], &request] {
        let server = Server::start_with(settings);
        server.register("ada@example.com");
        server.database().while_locked(|| {
            let asked = Instant::now();
            let response = server.try_sign_in("ada@example.com", PASSWORD);
            assert!(
                asked.elapsed() < Duration::from_secs(4),
                "{:?}",
                asked.elapsed()
            );
            assert_ne!(response.header("retry-after"), "", "{response}");
            response.assert_error(503, "overloaded");
        });
        wait_until("signed in", TIMEOUT, || {
            server.try_sign_in("ada@example.com", PASSWORD).status == 200
        });
    }
}

#[test]
fn no_more_connections_are_kept_than_are_set() {
    let server = Server::start_with(&[("LATCHKEY_DB_CONNECTIONS", "2"), NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    for _ in 0..3 {
        let responses = concurrently(16, |_| {
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            sessions.status
        });
        assert_eq!(responses, [200; 16]);
    }
    // SQLite has one more, which writes.
    let most = match server.database() {
        Database::Sqlite(_) => 3.0,
        Database::Postgres(_) => 2.0,
    };
    assert_eq!(server.metric("latchkey_database_connections"), most);
}

fn cut_connections(database: &str) {
    postgres_administration(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    ));
}

/// No file may grow past a size that is soon reached: to the program, as if the disk were full.
#[test]
fn a_full_disk_is_a_clear_answer_and_breaks_nothing() {
    let env = TestEnv::new();
    let Database::Sqlite(_) = env.database else {
        return; // PostgreSQL looks after its own disk
    };
    env.start(&[]).register("ada@example.com");

    let program = env.command(&[("LATCHKEY_LOG", "off"), NO_LIMITS]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", r#"trap "" XFSZ; ulimit -f 900; exec "$0""#])
        .arg(program.get_program())
        .current_dir(env.folder())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    let server = env.start_command(limited);
    let pair = server.sign_in("ada@example.com");
    let mut taken = Vec::new();
    let refused = (0..2000).find_map(|number| {
        let email = format!("number-{number}@example.com");
        let response = server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send();
        if response.status == 201 {
            taken.push(email);
            return None;
        }
        Some(response)
    });
    refused
        .expect("a disk that is full at last")
        .assert_error(503, "overloaded");
    // Who is signed in already, stays so.
    assert_eq!(server.view(&pair.token).status, 200);
    drop(server);

    let server = env.start(&[]);
    assert_eq!(env.database.text("PRAGMA integrity_check"), "ok");
    for email in taken.iter().rev().take(20) {
        assert_eq!(server.try_sign_in(email, PASSWORD).status, 200, "{email}");
    }
    server.sign_up("grace@example.com");
    server.assert_valid(&pair);
}

/// As many idle connections as this process may open keep nobody out.
#[test]
fn thousands_of_idle_connections_keep_nobody_out() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let limit = rlimit::increase_nofile_limit(12_000).unwrap_or(1024);
    let count = usize::try_from(limit).unwrap_or(usize::MAX).min(10_500) - 500;
    let idle: Vec<_> = (0..count)
        .map(|_| TcpStream::connect(server.env().address).expect("a connection"))
        .collect();
    let begun = Instant::now();
    assert_eq!(server.view(&pair.token).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.sign_in("ada@example.com");
    drop(idle);
}
