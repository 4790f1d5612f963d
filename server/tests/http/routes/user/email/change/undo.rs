//! `/api/user/email/change/undo`.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair,
    email::{EMAIL_CHANGED, RESET},
};

const PATH: &str = "/api/user/email/change/undo";

/// Changes the address of the account to `evil@example.com`, and returns the token that takes it back.
fn change(server: &Server, pair: &TokenPair) -> String {
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "evil@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let token = server.email_token("evil@example.com");
    server
        .post("/api/user/email/change/confirm")
        .json(json!({"token": token, "password": PASSWORD}))
        .send()
        .assert_no_content();
    server
        .take_email("ada@example.com", EMAIL_CHANGED)
        .token(&format!("{}/email/undo", server.url()))
}

fn undo(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

#[test]
fn takes_a_change_back() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let token = change(&server, &pair);
    let factor = server.enable_totp(&server.sign_in("evil@example.com"));
    server.take_all_emails();
    undo(&server, &token).assert_no_content();
    server.assert_revoked(&pair);
    server.assert_revoked(&factor.pair);
    for password in [PASSWORD, "!"] {
        server
            .try_sign_in("ada@example.com", password)
            .assert_error(401, "invalid_credentials");
    }
    let reset = server.reset_token("ada@example.com");
    server.assert_emails(&[("evil@example.com", EMAIL_CHANGED)]);
    // Repeating it is no error, and sends nothing.
    undo(&server, &token).assert_no_content();
    server.assert_emails(&[]);
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": reset, "new_password": OTHER_PASSWORD}))
        .send()
        .assert_no_content();
    let owner = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    let profile = server.view(&owner.token).json();
    assert_eq!(profile["email"], "ada@example.com");
    assert_eq!(profile["otp_enabled"], false);
}

#[test]
fn survives_a_new_password_and_is_no_other_link() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let token = change(&server, &pair);
    server
        .post("/api/user/password/change")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD}))
        .send();
    server.reset("evil@example.com").assert_no_content();
    let reset = server
        .take_email("evil@example.com", RESET)
        .token(&format!("{}/reset", server.url()));
    for wrong in [&reset, &pair.token, "x"] {
        undo(&server, wrong).assert_field_errors(&["token"]);
    }
    server.post(PATH).send().assert_field_errors(&["token"]);
    undo(&server, &token).assert_no_content();
}
