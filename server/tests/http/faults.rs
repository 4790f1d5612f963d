//! Failures of the process, the database connections and the disk. Nothing that was confirmed is
//! lost or undone, and the program recovers without a restart.

use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{
    Database, NO_LIMITS, PASSWORD, Server, TestEnv, TokenPair, concurrently,
    postgres_administration,
    proxy::{Network, Proxy},
    wait_until,
};

const TIMEOUT: Duration = Duration::from_secs(30);

/// The number of concurrent users when the program is killed.
const USERS: usize = 8;

/// What the program has confirmed.
#[derive(Default)]
struct Answered {
    registered: Vec<String>,
    signed_out: Vec<TokenPair>,
}

#[test]
fn kill_under_load_loses_nothing_that_was_confirmed() {
    let env = TestEnv::new();
    let mut counts = (0, 0);
    for round in 0..3 {
        let mut server = env.start(&[NO_LIMITS]);
        let answered = Mutex::new(Answered::default());
        thread::scope(|scope| {
            for user in 0..USERS {
                let (server, answered) = (&server, &answered);
                scope.spawn(move || {
                    for number in 0.. {
                        let email = format!("storm-{round}-{user}-{number}@example.com");
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

/// Registers, signs in and signs out everywhere. Returns `None` once the server has stopped.
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

/// Until the connections are replaced, each response is a success or a 503.
#[test]
fn closed_database_connections_are_reopened() {
    let server = Server::start();
    let Database::Postgres(_) = server.database() else {
        return; // nobody can cut a connection to a file
    };
    let name = server.database().text("SELECT current_database()::text");
    let pair = server.sign_up("ada@example.com");
    for _ in 0..5 {
        close_connections(&name);
        let responses = concurrently(16, |_| {
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            sessions.status
        });
        assert!(
            responses.iter().all(|status| [200, 503].contains(status)),
            "{responses:?}"
        );
        wait_until("successful responses", TIMEOUT, || {
            server.try_sign_in("ada@example.com", PASSWORD).status == 200
        });
    }
    server.assert_valid(&pair);
}

#[test]
fn recovers_from_a_database_outage_without_a_restart() {
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
        wait_until("the program to notice", TIMEOUT, || {
            server.get("/readyz").send().status == 503
        });
        assert_eq!(server.get("/healthz").send().status, 200);
        // Cached users are valid no longer than the lease, and then the database is unavailable.
        wait_until("the cached user to expire", TIMEOUT, || {
            server.view(&pair.token).status == 503
        });
        let response = server.try_sign_in("ada@example.com", PASSWORD);
        assert_ne!(response.header("retry-after"), "", "{response}");
        response.assert_error(503, "unavailable");

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

/// The connections stall without an error. A request that gets one of them fails in time, and none
/// of them is used again or counts towards the limit.
#[test]
fn stalled_database_connections_are_discarded() {
    // About two seconds; more on a busy machine, but less than the request timeout of 30 seconds.
    const LIMIT: Duration = Duration::from_secs(12);
    let env = TestEnv::new();
    let Database::Postgres(_) = env.database else {
        return; // a file needs no connection
    };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[
        ("DATABASE_URL", &proxy.url()),
        ("LATCHKEY_DB_CONNECTIONS", "3"),
        // A statement may take this long plus one second.
        ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "500ms"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "500ms"),
    ]);
    let pair = server.sign_up("ada@example.com");
    // Returns whether the response came from the database.
    let ask = || {
        let start = Instant::now();
        let response = server.get("/api/user/sessions").token(&pair.token).send();
        assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
        let good = response.status == 200;
        if !good {
            response.assert_error(503, "unavailable");
        }
        good
    };
    let wait_for_connections = || {
        // One of the three may be in use for a heartbeat.
        wait_until("idle connections", TIMEOUT, || {
            concurrently(16, |_| ask()) == [true; 16]
                && server.metric(r#"latchkey_database_connections{state="idle"}"#) >= 2.0
        });
    };
    for _ in 0..3 {
        wait_for_connections();
        proxy.stall_existing();
        // Idle connections are tested first, and replaced. On a busy machine that may take longer than a
        // request waits here.
        concurrently(6, |_| ask());

        // This time some of them are in use, and some are being returned to the pool.
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
    wait_for_connections();
    server.assert_valid(&pair);
}

/// Another connection locks what a sign-in needs for longer than the timeout.
#[test]
fn database_waits_end_after_the_timeout() {
    let database = [
        ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "300ms"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "300ms"),
    ];
    let request = [("LATCHKEY_REQUEST_TIMEOUT", "300ms")];
    for (settings, code) in [(&database[..], "unavailable"), (&request, "overloaded")] {
        let server = Server::start_with(settings);
        server.register("ada@example.com");
        server.database().while_locked(|| {
            let start = Instant::now();
            let response = server.try_sign_in("ada@example.com", PASSWORD);
            assert!(
                start.elapsed() < Duration::from_secs(4),
                "{:?}",
                start.elapsed()
            );
            assert_ne!(response.header("retry-after"), "", "{response}");
            response.assert_error(503, code);
        });
        wait_until("signed in", TIMEOUT, || {
            server.try_sign_in("ada@example.com", PASSWORD).status == 200
        });
    }
}

#[test]
fn database_connections_are_limited() {
    let server = Server::start_with(&[("LATCHKEY_DB_CONNECTIONS", "2"), NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    for _ in 0..3 {
        let responses = concurrently(16, |_| {
            let sessions = server.get("/api/user/sessions").token(&pair.token).send();
            sessions.status
        });
        assert_eq!(responses, [200; 16]);
    }
    // SQLite has one more, for writing.
    let most = match server.database() {
        Database::Sqlite(_) => 3.0,
        Database::Postgres(_) => 2.0,
    };
    assert_eq!(server.metric("latchkey_database_connections"), most);
}

fn close_connections(database: &str) {
    postgres_administration(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"
    ));
}

/// A file size limit looks like a full disk to the program.
#[test]
fn full_disk_returns_503_and_corrupts_nothing() {
    let env = TestEnv::new();
    let Database::Sqlite(_) = env.database else {
        return; // PostgreSQL looks after its own disk
    };
    env.start(&[]).register("ada@example.com");

    let limit = r#"trap "" XFSZ; ulimit -S -f 3600; exec "$0""#;
    let settings = [("LATCHKEY_LOG", "off"), NO_LIMITS];
    let server = env.start_command(env.command_in_shell(&settings, limit));
    let pair = server.sign_in("ada@example.com");
    let mut taken = Vec::new();
    let rejected = (0..2000).find_map(|number| {
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
    rejected
        .expect("a disk that is full at last")
        .assert_error(503, "unavailable");
    // Users who are signed in stay signed in.
    assert_eq!(server.view(&pair.token).status, 200);
    let pid = server.pid().try_into().expect("a process id");
    let no_limit = Some((rlimit::INFINITY, rlimit::INFINITY));
    rlimit::prlimit(pid, rlimit::Resource::FSIZE, no_limit, None).expect("a higher limit");
    server.register("room-again@example.com");
    drop(server);

    let server = env.start(&[]);
    assert_eq!(env.database.text("PRAGMA integrity_check"), "ok");
    for email in taken.iter().rev().take(20) {
        assert_eq!(server.try_sign_in(email, PASSWORD).status, 200, "{email}");
    }
    server.sign_up("grace@example.com");
    server.assert_valid(&pair);
}

/// SQLite rolls a transaction back by itself when the disk is full.
#[test]
fn writes_again_once_a_full_disk_has_room() {
    let env = TestEnv::new();
    let Database::Sqlite(_) = env.database else {
        return; // PostgreSQL looks after its own disk
    };
    let data = env.data_dir();
    fs::create_dir(&data).expect("a folder to mount on");
    let mount = r#"mount -t tmpfs -o size=5m tmpfs "$1" && exec "$0" serve"#;
    let mut command = env.command_in_namespace(&[NO_LIMITS], mount);
    command.arg(&data);
    let server = env.start_command(command);
    let pair = server.sign_up("ada@example.com");

    // The disk as the program sees it.
    let filler = format!("/proc/{}/root{}/filler", server.pid(), data.display());
    let ready = || server.get("/readyz").send().status;
    let create = |email: &str| {
        let account = json!({"email": email, "password": PASSWORD});
        server.post("/api/user/create").json(account).send()
    };
    for round in 0..3 {
        let mut file = fs::File::create(&filler).expect("a file on that disk");
        while file.write_all(&[0; 4096]).is_ok() {}
        for number in 0..5 {
            let response = create(&format!("full-{round}-{number}@example.com"));
            assert_ne!(response.header("retry-after"), "", "{response}");
            response.assert_error(503, "unavailable");
            server
                .try_sign_in("ada@example.com", PASSWORD)
                .assert_error(503, "unavailable");
        }
        wait_until("not ready", Duration::from_millis(500), || ready() == 503);
        assert_eq!(server.get("/healthz").send().status, 200);
        assert_eq!(server.view(&pair.token).status, 200);

        drop(file);
        fs::remove_file(&filler).expect("room again");
        for number in 0..5 {
            let response = create(&format!("room-{round}-{number}@example.com"));
            assert_eq!(response.status, 201, "{response}");
        }
        server.sign_in(&format!("room-{round}-4@example.com"));
        wait_until("ready", Duration::from_secs(2), || ready() == 200);
    }
    server.assert_valid(&pair);
}

/// Connects from one of many addresses, as one network may not hold all connections.
async fn connect_from(number: usize, address: SocketAddr) -> TcpStream {
    let source = Ipv4Addr::new(
        127,
        0,
        1,
        u8::try_from(number % 20).expect("a small number"),
    );
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind((source, 0).into())
        .expect("an address of this machine");
    socket.connect(address).await.expect("a connection")
}

/// As many idle connections as this process may open do not block others.
#[test]
fn thousands_of_idle_connections_do_not_block_others() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let limit = rlimit::increase_nofile_limit(12_000).unwrap_or(1024);
    let count = usize::try_from(limit).unwrap_or(usize::MAX).min(10_500) - 500;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let address = server.env().address;
    let idle: Vec<_> = (0..count)
        .map(|number| runtime.block_on(connect_from(number, address)))
        .collect();
    let begun = Instant::now();
    assert_eq!(server.view(&pair.token).status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    server.sign_in("ada@example.com");
    drop(idle);
}
