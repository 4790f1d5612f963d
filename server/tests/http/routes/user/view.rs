//! `/api/user/view`.

use serde_json::json;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::support::{Server, text_of};

const PATH: &str = "/api/user/view";

#[test]
fn shows_the_user() {
    let server = Server::start();
    let user = server.register("Ada@example.com");
    let pair = server.sign_in("ada@example.com");
    let response = server.get(PATH).token(&pair.token).send().assert_json(
        200,
        json!({
            "id": "<uuid>",
            "email": "Ada@example.com",
            "is_admin": false,
            "date_joined": "<time>",
            "last_login": "<time>",
            "email_verified": false,
            "otp_enabled": false,
            "name": "",
            "roles": [],
            "metadata": {},
        }),
    );
    let time = |field| OffsetDateTime::parse(&text_of(&response.json(), field), &Rfc3339).unwrap();
    assert_eq!(response.json()["id"], user.id);
    assert!(time("date_joined") <= time("last_login"), "{response}");
}

#[test]
fn shows_the_user_of_the_token() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    let email = |token| text_of(&server.view(token).json(), "email");
    assert_eq!(email(&ada.token), "ada@example.com");
    assert_eq!(email(&grace.token), "grace@example.com");
}

#[test]
fn accepts_both_schemes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    // Schemes are case-insensitive (RFC 9110, section 11.1).
    for scheme in ["Bearer", "JWT", "bearer", "jwt", "BEARER"] {
        let response = server
            .get(PATH)
            .header("authorization", format!("{scheme} {}", pair.token))
            .send();
        assert_eq!(response.status, 200, "{scheme}: {response}");
    }
}

#[test]
fn requires_credentials() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let missing = json!({
        "detail": "Authentication credentials were not provided.",
        "code": "not_authenticated",
    });
    server.get(PATH).send().assert_json(401, missing.clone());
    for header in ["", "Bearer", "Bearer ", "JWT", "Basic YWRhOnBhc3N3b3Jk"] {
        server
            .get(PATH)
            .header("authorization", header)
            .send()
            .assert_json(401, missing.clone());
    }
    // The token is read from its header only.
    server
        .get(&format!("{PATH}?token={}", pair.token))
        .header("cookie", format!("token={}", pair.token))
        .send()
        .assert_json(401, missing);
}

#[test]
fn rejects_a_refresh_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .view(&pair.refresh_token)
        .assert_error(401, "token_invalid");
}
