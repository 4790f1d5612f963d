//! `/api/user/password/check`.

use serde_json::{Value, json};

use crate::support::{Response, Server};

const PATH: &str = "/api/user/password/check";

fn check(server: &Server, body: Value) -> Response {
    server.post(PATH).json(body).send()
}

#[test]
fn rates_a_password() {
    let server = Server::start();
    for (password, strength) in [
        ("Tr0ub4dor&3", "fair"),
        ("k7PqX2m9Lr4T", "good"),
        ("mauve-teapot-41-harbour", "strong"),
        ("aaaaaaaaaaaaaaaa", "weak"),
    ] {
        check(&server, json!({"password": password}))
            .assert_json(200, json!({"strength": strength, "messages": []}));
    }
    check(&server, json!({})).assert_json(400, json!({"password": ["This field is required."]}));
}

/// It says what creating an account would say.
#[test]
fn applies_the_rules_of_registration() {
    let server = Server::start();
    for (email, password) in [
        ("ada@example.com", "short"),
        ("ada@example.com", "password123"),
        ("ada.lovelace@example.com", "ada.lovelace"),
        ("ada@example.com", "latchkey2026"),
        ("ada@example.com", &"x".repeat(129)),
    ] {
        let body = json!({"email": email, "password": password});
        let created = server.post("/api/user/create").json(body.clone()).send();
        let messages = created.assert_field_errors(&["password"]).json()["password"].clone();
        check(&server, body).assert_json(200, json!({"strength": "weak", "messages": messages}));
    }
    // An address that is still being typed counts as none.
    check(
        &server,
        json!({"email": "ada.lovelace@", "password": "ada.lovelace"}),
    )
    .assert_json(200, json!({"strength": "good", "messages": []}));
    let log = server.log();
    assert!(
        !log.contains("password123") && !log.contains("lovelace"),
        "{log}"
    );
}
