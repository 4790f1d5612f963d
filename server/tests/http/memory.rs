//! Users in the memory of servers: whatever changes is known at once, or within the lease.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::support::{Database, Home, Server, postgres_administration, wait_until};

/// `LATCHKEY_CACHE_LEASE` by default, and what a slow machine needs on top.
const LEASE: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn what_is_changed_by_hand_holds_for_the_next_request() {
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
        wait_until(change, PATIENCE, || server.view(&pair.token).status == 401);
        thread::sleep(Duration::from_millis(50));
        server.view(&pair.token).fails(401, "token_invalid");
        server.database().execute("DELETE FROM users");
    }
}

#[test]
fn a_new_address_shows_in_the_next_view() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
    server
        .database()
        .execute("UPDATE users SET email = 'ada@example.org'");
    wait_until("the new address", PATIENCE, || {
        server.view(&pair.token).json()["email"] == "ada@example.org"
    });
}

#[test]
fn a_sign_out_holds_on_all_servers() {
    // Two servers on one SQLite file, or on one PostgreSQL.
    let here = Server::start();
    let there = Home::new().start(&[
        ("DATABASE_URL", &here.home().database.address()),
        (
            "LATCHKEY_DATA_DIR",
            &here.home().data().display().to_string(),
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
        here.view(&pair.token).fails(401, "token_invalid");
        let began = Instant::now();
        wait_until("out on the other server", PATIENCE, || {
            there.view(&pair.token).status == 401
        });
        assert!(began.elapsed() < 2 * LEASE);
    }
}

#[test]
fn a_server_that_can_not_hear_asks_the_database() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.view(&pair.token).status, 200);
    // A SQLite file shows by itself what has changed; on PostgreSQL the connection that hears is cut.
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
    wait_until("the change", LEASE + PATIENCE, || {
        server.view(&pair.token).status == 401
    });
    // It hears again, and trusts its memory again.
    server
        .database()
        .execute("UPDATE users SET is_active = TRUE");
    wait_until("the way back", PATIENCE, || {
        server.view(&pair.token).status == 200
    });
}
