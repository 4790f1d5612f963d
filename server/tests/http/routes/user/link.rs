//! `/api/user/link`.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server};

const PATH: &str = "/api/user/link";

fn link(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

#[test]
fn says_what_a_link_is_for_and_changes_nothing() {
    for required in ["false", "true"] {
        let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", required)]);
        server
            .post("/api/user/create")
            .header("user-agent", "Phone/2.0")
            .json(json!({"email": "ada@example.com", "password": PASSWORD}))
            .send();
        let token = server.activation_token("ada@example.com");
        let expected = |used: bool| {
            json!({
                "purpose": "activation",
                "email": "ada@example.com",
                "new_email": null,
                "created_at": "<time>",
                "device": "Phone",
                "used": used,
            })
        };
        for _ in 0..2 {
            link(&server, &token).assert_json(200, expected(false));
        }
        server.activate(&token).assert_no_content();
        link(&server, &token).assert_json(200, expected(true));
    }
}

#[test]
fn names_both_addresses_of_a_change() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "new@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let token = server.email_token("new@example.com");
    let shown = link(&server, &token).json();
    assert_eq!(shown["purpose"], "email_change");
    assert_eq!(shown["email"], "ada@example.com");
    assert_eq!(shown["new_email"], "new@example.com");
    server
        .post("/api/user/email/change/confirm")
        .json(json!({"token": token, "password": PASSWORD}))
        .send()
        .assert_no_content();
    let changed = crate::support::email::EMAIL_CHANGED;
    let token = server
        .take_email("ada@example.com", changed)
        .token(&format!("{}/email/undo", server.url()));
    let shown = link(&server, &token).json();
    assert_eq!(shown["purpose"], "undo");
    assert_eq!(shown["email"], "new@example.com");
    assert_eq!(shown["new_email"], "ada@example.com");
    server.reset("new@example.com").assert_no_content();
    let shown = link(&server, &server.reset_token("new@example.com")).json();
    assert_eq!(shown["purpose"], "reset");
    assert_eq!(shown["email"], "new@example.com");
}

#[test]
fn rejects_unknown_tokens() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for wrong in [&*pair.token, "x", " "] {
        link(&server, wrong).assert_field_errors(&["token"]);
    }
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"token": ["This field is required."]}));
}
