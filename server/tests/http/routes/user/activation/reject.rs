//! `/api/user/activation/reject`.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server};

const PATH: &str = "/api/user/activation/reject";

fn reject(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

#[test]
fn removes_a_new_account() {
    for required in ["false", "true"] {
        let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", required)]);
        server.register("ada@example.com");
        let token = server.activation_token("ada@example.com");
        for _ in 0..2 {
            reject(&server, &token).assert_no_content();
        }
        for table in ["users", "registrations"] {
            assert_eq!(server.database().count(table, "true"), 0, "{table}");
        }
        server.activate(&token).assert_field_errors(&["token"]);
        server
            .try_sign_in("ada@example.com", PASSWORD)
            .assert_error(401, "invalid_credentials");
    }
}

#[test]
fn deactivates_an_older_account_and_ends_its_sessions() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server
        .database()
        .execute("UPDATE users SET date_joined = '2026-01-01T00:00:00.000Z'");
    for _ in 0..2 {
        reject(&server, &token).assert_no_content();
    }
    server.assert_revoked(&pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(403, "inactive_account");
}

#[test]
fn does_nothing_to_a_verified_account() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server.activate(&token).assert_no_content();
    reject(&server, &token).assert_field_errors(&["token"]);
    server.assert_valid(&pair);
}

#[test]
fn rejects_other_tokens() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.reset("ada@example.com").assert_no_content();
    let reset = server.reset_token("ada@example.com");
    for wrong in [&reset, &pair.token, "x"] {
        reject(&server, wrong).assert_field_errors(&["token"]);
    }
    server.post(PATH).send().assert_field_errors(&["token"]);
    server.assert_valid(&pair);
}
