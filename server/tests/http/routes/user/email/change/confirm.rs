//! `/api/user/email/change/confirm`.

use serde_json::json;

use crate::support::{
    PASSWORD, Response, Server, TokenPair, concurrently,
    email::{CONFIRM_NEW_ADDRESS, EMAIL_CHANGED},
};

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
    server
        .post(PATH)
        .json(json!({"token": token, "password": PASSWORD}))
        .send()
}

#[test]
fn changes_the_email_address_and_notifies_the_old_one() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
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
    assert!(email.text.contains("lovelace@example.com"));
    email.token(&format!("{}/email/undo", server.url()));
    server.assert_emails(&[]);
    // Until that link expires, the old email address is reserved.
    server
        .post("/api/user/create")
        .json(json!({"email": "ADA@example.com", "password": PASSWORD}))
        .send()
        .assert_json(
            400,
            json!({"email": ["A user with that email already exists."]}),
        );
}

#[test]
fn works_once() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    let responses = concurrently(8, |_| confirm(&server, &token));
    for response in responses {
        response.assert_no_content();
    }
    // Repeating it is no error.
    confirm(&server, &token).assert_no_content();
    let changes = "event = 'email_changed'";
    assert_eq!(server.database().count("audit_events", changes), 1);
}

#[test]
fn requires_a_session_or_the_password() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let eve = server.sign_up_verified("eve@example.com");
    let token = ask(&server, &pair, "lovelace@example.com");
    let body = json!({"token": token});
    let required = json!({"password": ["This field is required."]});
    server
        .post(PATH)
        .json(body.clone())
        .send()
        .assert_json(400, required.clone());
    server
        .post(PATH)
        .token(&eve.token)
        .json(body.clone())
        .send()
        .assert_json(400, required);
    server
        .post(PATH)
        .json(json!({"token": token, "password": "wrong-password-1"}))
        .send()
        .assert_json(400, json!({"password": ["Incorrect password."]}));
    server
        .post(PATH)
        .token(&pair.token)
        .json(body)
        .send()
        .assert_no_content();
}

#[test]
fn takes_the_code_of_the_email() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "lovelace@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let code = server
        .take_email("lovelace@example.com", CONFIRM_NEW_ADDRESS)
        .code();
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"email": "lovelace@example.com", "code": code}))
        .send()
        .assert_no_content();
    let profile = server.view(&pair.token).json();
    assert_eq!(profile["email"], "lovelace@example.com");
}

#[test]
fn invalidates_all_links_to_the_old_email_address() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
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
fn links_are_valid_until_one_is_used() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let first = ask(&server, &pair, "first@example.com");
    let second = ask(&server, &pair, "second@example.com");
    confirm(&server, &second).assert_no_content();
    confirm(&server, &first).assert_field_errors(&["token"]);
    assert_eq!(
        server.view(&pair.token).json()["email"],
        "second@example.com"
    );
}

#[test]
fn rejects_an_email_address_registered_in_the_meantime() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
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
        server.sign_up_verified("ada@example.com"),
        server.sign_up_verified("grace@example.com"),
    );
    let tokens = [&ada, &grace].map(|pair| {
        server.forget_sent_emails();
        ask(&server, pair, "wanted@example.com")
    });
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
    let pair = server.sign_up_verified("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    for token in [activation.as_str(), &pair.token, "garbage"] {
        confirm(&server, token).assert_field_errors(&["token"]);
    }
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"token": ["This field is required."]}));
}
