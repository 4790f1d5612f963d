//! `GET /api/token/revocations`

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{
    Database, EventStream, NO_LIMITS, PASSWORD, REVOCATIONS, Server, TestEnv, jwt,
    proxy::{Network, Proxy},
};

const LEASE: Duration = Duration::from_secs(1);

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

fn is_revocation_of(entry: &Value, user: &str, kind: &str) -> bool {
    entry["sub"] == user && entry.get(kind).is_some()
}

/// Waits until an entry of this kind arrives.
#[track_caller]
fn wait_for(stream: &EventStream, user: &str, kind: &str) -> Value {
    let revoked = stream.wait_for(kind, LIMIT, |event| {
        event.name == "revoked" && is_revocation_of(&event.data, user, kind)
    });
    revoked.data
}

#[test]
fn needs_a_service_key_with_the_scope() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let get = || server.get(REVOCATIONS);
    get().send().assert_error(401, "not_authenticated");
    get()
        .token(&pair.token)
        .send()
        .assert_error(401, "key_invalid");
    let key = server.service_key("users:read");
    get()
        .token(&key)
        .send()
        .assert_error(403, "permission_denied");
    let key = server.service_key("tokens:verify");
    get()
        .token(&format!("{key}x"))
        .send()
        .assert_error(401, "key_invalid");
    let post = server.post(REVOCATIONS).token(&key).send();
    post.assert_error(405, "method_not_allowed");
    let head = format!(
        "HEAD {REVOCATIONS}/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(server.raw_connection().send(head).status(), Some(200));
}

#[test]
fn begins_with_a_snapshot_and_sends_heartbeats_and_revocations() {
    let server = Server::start();
    let key = server.service_key("tokens:verify");
    let stream = server.open_stream(&key);
    for line in [
        "content-type: text/event-stream",
        "cache-control: no-store",
        "x-accel-buffering: no",
        "latchkey-token-lifetime: 900",
    ] {
        assert!(
            stream.head.iter().any(|is| is == line),
            "{line} {:?}",
            stream.head
        );
    }
    let snapshot = stream.next(LIMIT).expect("an event");
    assert_eq!(snapshot.name, "snapshot");
    assert_eq!(
        snapshot.data,
        json!({"lease_ms": 1000, "revoked": [], "complete": true})
    );
    let first = stream.next(LIMIT).expect("an event");
    assert_eq!(first.name, "heartbeat");
    let mut at = first.data["at"].as_u64().expect("milliseconds");
    let mut count = 0;
    let ends = first.at + 3 * LEASE;
    while Instant::now() < ends {
        let event = stream.next(LIMIT).expect("an event");
        assert_eq!(event.name, "heartbeat");
        let next = event.data["at"].as_u64().expect("milliseconds");
        assert!(next > at);
        at = next;
        count += 1;
    }
    // Four times per lease; one may be late here.
    assert!(count >= 11, "{count}");

    let user = server.register("ada@example.com").id;
    let pair = server.sign_in("ada@example.com");
    let out = server.post("/api/user/logout").token(&pair.token).send();
    assert_eq!(out.status, 204);
    let entry = wait_for(&stream, &user, "sid");
    let session = jwt::claims(&pair.token)["sid"].clone();
    assert_eq!(entry, json!({"sub": user, "sid": session}));
    let pair = server.sign_in("ada@example.com");
    let out = server
        .post("/api/user/logout/all")
        .token(&pair.token)
        .send();
    assert_eq!(out.status, 204);
    wait_for(&stream, &user, "gen");
    let pair = server.sign_in("ada@example.com");
    let deleted = server.post("/api/user/delete").token(&pair.token);
    let deleted = deleted.json(json!({"current_password": PASSWORD})).send();
    assert_eq!(deleted.status, 204);
    wait_for(&stream, &user, "gen");
    // And for everybody who comes later.
    let (entries, _) = server.open_stream(&key).snapshot();
    let of = |kind| {
        entries
            .iter()
            .filter(|entry| is_revocation_of(entry, &user, kind))
            .count()
    };
    assert_eq!((of("gen"), of("sid")), (2, 2), "{entries:?}");
}

#[test]
fn changes_by_hand_and_of_other_servers_are_told() {
    let here = Server::start();
    let there = TestEnv::new().start(&[
        ("DATABASE_URL", &here.env().database.address()),
        (
            "LATCHKEY_DATA_DIR",
            &here.env().data_dir().display().to_string(),
        ),
        ("LATCHKEY_PUBLIC_URL", &here.url()),
    ]);
    let key = here.service_key("tokens:verify");
    let streams = [here.open_stream(&key), there.open_stream(&key)];
    let user = here.register("ada@example.com").id;
    here.sign_in("ada@example.com");
    for (change, kind) in [
        ("DELETE FROM sessions", "sid"),
        ("UPDATE users SET is_active = FALSE", "before"),
        ("DELETE FROM users", "gen"),
    ] {
        here.database().execute(change);
        for stream in &streams {
            wait_for(stream, &user, kind);
        }
    }
}

#[test]
fn ends_with_the_key_and_with_the_server() {
    let mut server = Server::start();
    let [key, other] = ["tokens:verify"; 2].map(|scope| server.service_key(scope));
    let (stream, kept) = (server.open_stream(&key), server.open_stream(&other));
    let revoked = server.env().run(&["key", "revoke", &key[3..35]]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert!(stream.ends(LIMIT));
    assert!(!kept.ends(LEASE));
    server
        .get(REVOCATIONS)
        .token(&key)
        .send()
        .assert_error(401, "key_invalid");
    // Time passes for a key as well.
    server
        .database()
        .execute("UPDATE service_keys SET expires_at = '2026-01-01T00:00:00.000Z'");
    assert!(kept.ends(LIMIT));

    let key = server.service_key("tokens:verify");
    let stream = server.open_stream(&key);
    stream.snapshot();
    let start = Instant::now();
    server.signal("TERM");
    assert!(stream.ends(LIMIT));
    assert_eq!(server.wait(), Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

/// No limit on the time of a request ends a stream.
#[test]
fn outlives_the_request_timeout() {
    let server = Server::start_with(&[
        ("LATCHKEY_REQUEST_TIMEOUT", "200ms"),
        ("LATCHKEY_REVOCATION_LEASE", "500ms"),
    ]);
    let key = server.service_key("tokens:verify");
    let stream = server.open_stream(&key);
    assert!(!stream.ends(Duration::from_secs(2)));
}

/// Sessions that are revoked all at once, in one statement.
fn add_sessions(server: &Server, count: usize) {
    let numbers = match server.database() {
        Database::Sqlite(_) => format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
             INSERT INTO sessions (id, user_id, refresh_id, created_at, last_used_at, expires_at, ip, user_agent)
             SELECT printf('00000000-0000-4000-8000-%012x', n), id, printf('r%d', n), date_joined,
                 date_joined, '2999-01-01T00:00:00.000Z', '', '' FROM users, numbers"
        ),
        Database::Postgres(_) => format!(
            "INSERT INTO sessions (id, user_id, refresh_id, created_at, last_used_at, expires_at, ip, user_agent)
             SELECT gen_random_uuid(), id, gen_random_uuid(), date_joined, date_joined, '2999-01-01', '', ''
             FROM users, generate_series(1, {count})"
        ),
    };
    server.database().execute(&numbers);
}

#[test]
fn ten_thousand_revocations_at_once_reach_every_reader() {
    const COUNT: usize = 10_000;
    let server = Server::start_with(&[NO_LIMITS]);
    let key = server.service_key("tokens:verify");
    server.register("ada@example.com");
    add_sessions(&server, COUNT);
    let streams: Vec<_> = (0..20).map(|_| server.open_stream(&key)).collect();
    server.database().execute("DELETE FROM sessions");
    for stream in &streams {
        let mut count = 0;
        while count < COUNT {
            let event = stream.next(LIMIT).expect("the stream continues");
            count += usize::from(event.name == "revoked");
        }
        stream.wait_for("a heartbeat", LIMIT, |event| event.name == "heartbeat");
    }
    let (entries, events) = server.open_stream(&key).snapshot();
    assert_eq!((entries.len(), events), (COUNT, 10));
}

/// Nothing is kept for a reader that does not read, and it is disconnected.
#[test]
fn a_reader_that_does_not_keep_up_is_disconnected() {
    // More bytes than a system buffers for a connection, and then more heartbeats than wait for a reader.
    const COUNT: usize = 40_000;
    const HEARTBEATS: usize = 1_050;
    let server = Server::start_with(&[NO_LIMITS, ("LATCHKEY_REVOCATION_LEASE", "50ms")]);
    let key = server.service_key("tokens:verify");
    server.register("ada@example.com");
    add_sessions(&server, COUNT);
    let request = format!(
        "GET {REVOCATIONS} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nConnection: close\r\n\r\n"
    );
    let mut slow = server.raw_connection();
    slow.send(request).read_until("\r\n\r\n");
    let other = server.open_stream(&key);
    server.database().execute("DELETE FROM sessions");
    let mut left = COUNT;
    while left > 0 {
        let event = other.next(LIMIT).expect("the stream continues");
        left -= usize::from(event.name == "revoked");
    }
    for _ in 0..HEARTBEATS {
        let event = other.next(LIMIT).expect("the stream continues");
        assert_eq!(event.name, "heartbeat");
    }
    let received = slow.read_to_end();
    let told = received.matches("event: revoked").count();
    assert!(
        received.contains("event: snapshot") && told < COUNT,
        "{told}"
    );
}

/// The number of heartbeats within this time.
fn heartbeats(stream: &EventStream, within: Duration) -> usize {
    let ends = Instant::now() + within;
    let mut count = 0;
    while let Some(event) = stream.next(ends.saturating_duration_since(Instant::now())) {
        count += usize::from(event.name == "heartbeat");
    }
    count
}

/// Whatever cuts a server off from its database, it vouches for nothing; and tells what it has missed
/// before it vouches again.
#[test]
fn a_server_that_receives_no_changes_sends_no_heartbeats() {
    let env = TestEnv::new();
    let Database::Postgres(_) = env.database else {
        return; // a file needs no line
    };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[("DATABASE_URL", &proxy.url())]);
    let key = server.service_key("tokens:verify");
    let user = server.register("ada@example.com").id;
    let stream = server.open_stream(&key);
    for network in [
        Network::NotificationsLost,
        Network::Disconnected,
        Network::Stalled,
    ] {
        stream.wait_for("a heartbeat", LIMIT, |event| event.name == "heartbeat");
        proxy.set(network);
        // One may be on its way.
        thread::sleep(LEASE / 4);
        heartbeats(&stream, Duration::from_millis(1));
        server
            .database()
            .execute("UPDATE users SET jwt_secret = gen_random_uuid()");
        let now = "SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)::bigint::text";
        let after: u64 = server.database().text(now).parse().expect("a number");
        assert_eq!(heartbeats(&stream, 2 * LEASE), 0, "{network:?}");
        proxy.set(Network::Up);
        let next = stream.wait_for("what was missed", LIMIT, |event| {
            // A heartbeat of before the change may have been held up.
            event.data["at"].as_u64().is_some_and(|at| at > after)
                || is_revocation_of(&event.data, &user, "gen")
        });
        assert_eq!(next.name, "revoked", "{network:?}");
    }
}
