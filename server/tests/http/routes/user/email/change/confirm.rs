//! `/api/user/email/change/confirm`.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server, TokenPair, concurrently, email::EMAIL_CHANGED};

const PATH: &str = "/api/user/email/change/confirm";

fn ask(server: &Server, pair: &TokenPair, email: &str) -> String {
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": email, "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    server.email_token(email)
}

fn confirm(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

#[test]
fn changes_the_email_address_and_notifies_the_old_one() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    server.take_all_emails();
    confirm(&server, &token).assert_no_content();

    let profile = server.view(&pair.token).json();
    assert_eq!(profile["email"], "lovelace@example.com");
    assert_eq!(profile["email_verified"], true);
    server.assert_valid(&pair);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    server.sign_in("lovelace@example.com");
    let email = server.take_email("ada@example.com", EMAIL_CHANGED);
    assert!(email.assert_no_link().text.contains("lovelace@example.com"));
    server.assert_emails(&[]);
    // The old email address is free again.
    server.register("ada@example.com");
}

#[test]
fn works_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    let responses = concurrently(8, |_| confirm(&server, &token));
    let good = responses
        .iter()
        .filter(|response| response.status == 204)
        .count();
    assert_eq!(good, 1);
    confirm(&server, &token).assert_field_errors(&["token"]);
}

#[test]
fn invalidates_all_links_to_the_old_email_address() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_no_content();
    let reset = server.reset_token("ada@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    confirm(&server, &token).assert_no_content();
    for (path, token) in [
        ("/api/user/activation", activation),
        ("/api/user/password/reset/confirm", reset),
    ] {
        server
            .post(path)
            .json(json!({"token": token, "new_password": "another-password-5"}))
            .send()
            .assert_field_errors(&["token"]);
    }
}

#[test]
fn newer_request_invalidates_the_link() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let first = ask(&server, &pair, "first@example.com");
    let second = ask(&server, &pair, "second@example.com");
    confirm(&server, &first).assert_field_errors(&["token"]);
    confirm(&server, &second).assert_no_content();
    assert_eq!(
        server.view(&pair.token).json()["email"],
        "second@example.com"
    );
}

#[test]
fn rejects_an_email_address_registered_in_the_meantime() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    let other = server.register("LOVELACE@example.com");
    confirm(&server, &token).assert_json(
        400,
        json!({"token": ["A user with that email already exists."]}),
    );
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
    assert_ne!(server.view(&pair.token).json()["id"], other.id);
    server.assert_valid(&pair);
}

/// Two accounts and a new user request the same email address concurrently.
#[test]
fn assigns_a_contested_email_address_to_one_user() {
    let server = Server::start();
    let (ada, grace) = (
        server.sign_up("ada@example.com"),
        server.sign_up("grace@example.com"),
    );
    let tokens = [
        ask(&server, &ada, "wanted@example.com"),
        ask(&server, &grace, "wanted@example.com"),
    ];
    let responses = concurrently(3, |index| match tokens.get(index) {
        Some(token) => confirm(&server, token),
        None => server
            .post("/api/user/create")
            .json(json!({"email": "Wanted@example.com", "password": PASSWORD}))
            .send(),
    });
    let good = responses
        .iter()
        .filter(|response| response.status < 300)
        .count();
    assert_eq!(good, 1);
    for response in &responses {
        assert!([201, 204, 400].contains(&response.status), "{response}");
    }
    let has_it = "lower(email) = 'wanted@example.com'";
    assert_eq!(server.database().count("users", has_it), 1);
}

#[test]
fn rejects_a_token_for_another_purpose() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    for token in [activation.as_str(), &pair.token, "garbage"] {
        confirm(&server, token).assert_field_errors(&["token"]);
    }
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"token": ["This field is required."]}));
}
