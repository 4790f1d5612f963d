//! `/api/user/password/reset`.

mod confirm;

use serde_json::json;

use crate::support::{
    PASSWORD, Response, Server,
    email::{CONFIRM_ADDRESS, RESET},
};

const PATH: &str = "/api/user/password/reset";

fn reset(server: &Server, email: &str) -> Response {
    server.post(PATH).json(json!({"email": email})).send()
}

#[test]
fn sends_a_link_and_changes_nothing() {
    let server = Server::start();
    let pair = server.sign_up("Ada@example.com");
    server.take_all_emails();
    reset(&server, "ada@EXAMPLE.com").assert_no_content();
    let email = server.take_email("Ada@example.com", RESET);
    email.token(&format!("{}/reset", server.url()));
    server.assert_emails(&[]);
    server.assert_valid(&pair);
    server.sign_in("ada@example.com");
}

#[test]
fn responds_alike_for_every_email_address() {
    let server = Server::start();
    server.register("ada@example.com");
    let response_of = |email: &str| {
        let response = reset(&server, email).assert_no_content();
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(
        response_of("ada@example.com"),
        response_of("nobody@example.com")
    );
    server.assert_emails(&[
        ("ada@example.com", CONFIRM_ADDRESS),
        ("ada@example.com", RESET),
    ]);
}

#[test]
fn does_not_log_the_email_address() {
    let server = Server::start_with(&[("LATCHKEY_LOG", "debug")]);
    let email = "wilhelmina@kaltenbrunner.example";
    server.register(email);
    reset(&server, email).assert_no_content();
    reset(&server, "hildegard@kaltenbrunner.example").assert_no_content();
    let token = server.reset_token(email);
    server
        .post(&format!("{PATH}/confirm"))
        .json(json!({"token": token, "new_password": PASSWORD}))
        .send()
        .assert_no_content();
    let log = server.log();
    for word in ["kaltenbrunner", token.as_str()] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}

#[test]
fn requires_an_email_address() {
    let server = Server::start();
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"email": ["This field is required."]}));
    reset(&server, "ada").assert_json(400, json!({"email": ["Enter a valid email address."]}));
    reset(&server, "ada@example.com\r\nBcc: eve@example.com").assert_field_errors(&["email"]);
    server
        .post(PATH)
        .form(&[("email", "ada@example.com")])
        .send()
        .assert_no_content();
}

#[test]
fn sends_one_email_however_often_it_is_requested() {
    for limits in ["on", "off"] {
        let server = Server::start_with(&[("LATCHKEY_RATE_LIMITS", limits)]);
        let pair = server.sign_up("ada@example.com");
        server.take_all_emails();
        for _ in 0..30 {
            reset(&server, "ada@example.com").assert_no_content();
        }
        let token = server.reset_token("ada@example.com");
        server.assert_emails(&[]);
        // A session of the account has an allowance of its own.
        for _ in 0..2 {
            server
                .post(PATH)
                .token(&pair.token)
                .json(json!({"email": "ada@example.com"}))
                .send()
                .assert_no_content();
        }
        server.assert_emails(&[("ada@example.com", RESET)]);
        // The first link still works.
        server
            .post(&format!("{PATH}/confirm"))
            .json(json!({"token": token, "new_password": "another-password-5"}))
            .send()
            .assert_no_content();
    }
}

/// The account's links work until one of them is used.
#[test]
fn one_link_invalidates_the_others() {
    let server = Server::start();
    server.register("ada@example.com");
    server.take_all_emails();
    let mut tokens = Vec::new();
    for _ in 0..3 {
        reset(&server, "ada@example.com").assert_no_content();
        tokens.push(server.reset_token("ada@example.com"));
        server.forget_sent_emails();
    }
    let confirm = |token: &str| {
        server
            .post(&format!("{PATH}/confirm"))
            .json(json!({"token": token, "new_password": "another-password-5"}))
            .send()
    };
    confirm(&tokens[1]).assert_no_content();
    for token in &tokens {
        confirm(token).assert_field_errors(&["token"]);
    }
}
