//! `/api/user/export`.

use serde_json::json;

use crate::support::{PASSWORD, Server};

const PATH: &str = "/api/user/export";

#[test]
fn returns_everything_but_secrets() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.sign_up("grace@example.com");
    let factor = server.enable_totp(&pair);
    let response = server.get(PATH).token(&factor.pair.token).send();
    assert_eq!(response.status, 200, "{response}");
    let body = response.json();
    assert_eq!(body["user"]["email"], "ada@example.com");
    assert_eq!(body["user"]["app_metadata"], json!({}));
    assert_eq!(body["sessions"][0]["current"], true);
    assert_eq!(body["recovery_codes_left"], 10);
    assert_eq!(body["links"][0]["purpose"], "activation");
    let activity = body["activity"].as_array().expect("a list");
    let last = activity.last().expect("an event");
    assert_eq!(last["event"], "registered");
    let text = response.text();
    let column = |column| {
        let sql = format!("SELECT CAST({column} AS TEXT) FROM users WHERE email LIKE 'ada%'");
        server.database().text(&sql)
    };
    for secret in [
        "grace",
        PASSWORD,
        "$argon2",
        &column("jwt_secret"),
        &column("password_hash"),
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
