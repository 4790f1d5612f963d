//! The user cache: every change takes effect at once, or within the lease.

use std::{
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    Database, NO_LIMITS, PASSWORD, Server, TestEnv, postgres_administration,
    proxy::{Network, Proxy},
    wait_until,
};

/// The default of `LATCHKEY_CACHE_LEASE`, plus the delay to allow for on a slow machine.
const LEASE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

#[test]
fn manual_change_takes_effect_at_the_next_request() {
    let server = Server::start();
    for change in [
        "UPDATE users SET is_active = FALSE",
        "DELETE FROM sessions",
        "DELETE FROM users",
    ] {
        let pair = server.sign_up("ada@example.com");
        for _ in 0..3 {
            assert_eq!(server.view(&pair.token).status, 200);
        }
        server.database().execute(change);
        wait_until(change, TIMEOUT, || server.view(&pair.token).status == 401);
        thread::sleep(Duration::from_millis(50));
        server.view(&pair.token).assert_error(401, "token_invalid");
        server.database().execute("DELETE FROM users");
    }
}

#[test]
fn new_email_address_shows_in_the_next_view() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
    server
        .database()
        .execute("UPDATE users SET email = 'ada@example.org'");
    wait_until("the new address", TIMEOUT, || {
        server.view(&pair.token).json()["email"] == "ada@example.org"
    });
}

#[test]
fn sign_out_takes_effect_on_all_servers() {
    // Two servers share one SQLite file or one PostgreSQL database.
    let here = Server::start();
    let there = TestEnv::new().start(&[
        ("DATABASE_URL", &here.env().database.address()),
        (
            "LATCHKEY_DATA_DIR",
            &here.env().data_dir().display().to_string(),
        ),
        ("LATCHKEY_PUBLIC_URL", &here.url()),
    ]);
    here.register("ada@example.com");
    for _ in 0..20 {
        let pair = here.sign_in("ada@example.com");
        assert_eq!(there.view(&pair.token).status, 200);
        assert_eq!(there.view(&pair.token).status, 200);
        let out = here.post("/api/user/logout/all").token(&pair.token).send();
        assert_eq!(out.status, 204, "{out}");
        here.view(&pair.token).assert_error(401, "token_invalid");
        let start = Instant::now();
        wait_until("the sign-out on the other server", TIMEOUT, || {
            there.view(&pair.token).status == 401
        });
        assert!(start.elapsed() < 3 * LEASE);
    }
}

#[test]
fn server_without_notifications_queries_the_database() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).status, 200);
    // Changes of a SQLite file are always visible; on PostgreSQL, the listening connection is
    // closed.
    if let Database::Postgres(_) = server.database() {
        let name = server.database().text("SELECT current_database()::text");
        postgres_administration(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = '{name}' AND query LIKE 'LISTEN %'"
        ));
    }
    server
        .database()
        .execute("UPDATE users SET is_active = FALSE");
    wait_until("the change", LEASE + TIMEOUT, || {
        server.view(&pair.token).status == 401
    });
    // It listens again, and uses the cache again.
    server
        .database()
        .execute("UPDATE users SET is_active = TRUE");
    wait_until("the user to be active again", TIMEOUT, || {
        server.view(&pair.token).status == 200
    });
}

/// The listening connection stalls without an error; all others work.
#[test]
fn cache_is_valid_for_the_lease_only_when_notifications_are_lost() {
    let env = TestEnv::new();
    let Database::Postgres(_) = env.database else {
        return; // a file needs no line
    };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[("DATABASE_URL", &proxy.url())]);
    let pair = server.sign_up("ada@example.com");
    for deaf in [true, false, true] {
        wait_until("it responds", TIMEOUT, || {
            server.view(&pair.token).status == 200
        });
        if deaf {
            proxy.set(Network::NotificationsLost);
        }
        server
            .database()
            .execute("UPDATE users SET is_active = FALSE");
        let start = Instant::now();
        wait_until("the change", TIMEOUT, || {
            server.view(&pair.token).status == 401
        });
        assert!(start.elapsed() < 3 * LEASE, "{:?}", start.elapsed());
        for _ in 0..20 {
            assert_eq!(server.view(&pair.token).status, 401);
        }
        proxy.set(Network::Up);
        server
            .database()
            .execute("UPDATE users SET is_active = TRUE");
    }
}

/// Tokens that were valid once, of a deleted user and of a session that has ended.
#[test]
fn tokens_that_have_become_invalid_cause_no_query() {
    let server = Server::start_with(&[NO_LIMITS]);
    let other = server.sign_up("grace@example.com");
    let deleted = server.sign_up("ada@example.com");
    let ended = server.sign_in("grace@example.com");
    let signed_out = server.post("/api/user/logout").token(&ended.token).send();
    assert_eq!(signed_out.status, 204, "{signed_out}");
    let deletion = server
        .post("/api/user/delete")
        .token(&deleted.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    assert_eq!(deletion.status, 204, "{deletion}");
    let queries = || {
        server.metric("latchkey_cache_misses_total")
            + server.metric("latchkey_session_queries_total")
    };
    let before = queries();
    for _ in 0..300 {
        for pair in [&deleted, &ended] {
            server.view(&pair.token).assert_error(401, "token_invalid");
        }
    }
    for pair in [&deleted, &ended] {
        for _ in 0..50 {
            server
                .refresh(&pair.refresh_token)
                .assert_error(401, "token_invalid");
        }
    }
    // A few are allowed on PostgreSQL: on a busy machine a heartbeat may be late.
    assert!(queries() - before <= 10.0, "{before} {}", queries());
    assert_eq!(server.view(&other.token).status, 200);
}

/// Made-up subjects cause no query.
#[test]
fn tokens_with_unknown_subjects_cause_no_query() {
    let server = Server::start_with(&[NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).status, 200);
    let before = server.metric("latchkey_cache_misses_total");
    let forged = server.metric("latchkey_forged_tokens_total");
    let [head, claims, signature] = pair.token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    let memory = server.resident_kib();
    for _ in 0..1000 {
        let mut made_up = claims.clone();
        made_up["sub"] = json!(Uuid::new_v4());
        let made_up = BASE64_URL_SAFE_NO_PAD.encode(made_up.to_string());
        server
            .view(&format!("{head}.{made_up}.{signature}"))
            .assert_error(401, "token_invalid");
    }
    // `accounts/tests/forged_tokens.rs` tries a hundred thousand.
    assert_eq!(server.metric("latchkey_cache_misses_total"), before);
    assert!(
        server.resident_kib() < memory + 8 * 1024,
        "from {memory} KiB"
    );
    assert!(server.metric("latchkey_cached_users") <= 1.0);
    assert_eq!(
        server.metric("latchkey_forged_tokens_total"),
        forged + 1000.0
    );
}
