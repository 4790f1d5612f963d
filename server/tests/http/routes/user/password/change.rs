//! `/api/user/password/change`.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, amr, concurrently,
    email::{EMAIL_ABOUT_TO_CHANGE, PASSWORD_CHANGED},
};

const PATH: &str = "/api/user/password/change";

fn change(server: &Server, token: &str, current: &str, new: &str) -> Response {
    server
        .post(PATH)
        .token(token)
        .json(json!({"current_password": current, "new_password": new}))
        .send()
}

#[test]
fn changes_the_password_and_ends_every_other_session() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    server.take_all_emails();
    let response = change(&server, &pair.token, PASSWORD, OTHER_PASSWORD).assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    server.assert_revoked(&other_device);
    server.assert_revoked(&pair);
    server.assert_valid(&TokenPair::from(&response));
    server.assert_valid(&grace);
    assert_eq!(server.database().count("sessions", "true"), 2);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    let again = server.try_sign_in("ada@example.com", OTHER_PASSWORD);
    server.assert_valid(&TokenPair::from(&again));

    let email = server.take_email("ada@example.com", PASSWORD_CHANGED);
    email.assert_no_link();
    server.assert_emails(&[]);
}

#[test]
fn accepts_a_form() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let response = server
        .post(PATH)
        .token(&pair.token)
        .form(&[
            ("current_password", PASSWORD),
            ("new_password", OTHER_PASSWORD),
        ])
        .send();
    server.assert_valid(&TokenPair::from(&response));
}

#[test]
fn reports_all_errors_and_changes_nothing() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let required = "This field is required.";
    server.post(PATH).token(&pair.token).send().assert_json(
        400,
        json!({"current_password": [required], "new_password": [required]}),
    );
    for bad in ["short", "password", "iloveyou", "ada@example.com"] {
        change(&server, &pair.token, PASSWORD, bad).assert_field_errors(&["new_password"]);
    }
    for wrong in [OTHER_PASSWORD, "x", &PASSWORD.to_uppercase()] {
        change(&server, &pair.token, wrong, "another-password-5")
            .assert_field_errors(&["current_password"]);
    }
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"current_password": 1, "new_password": []}))
        .send()
        .assert_field_errors(&["current_password", "new_password"]);
    server
        .post(PATH)
        .json(json!({"current_password": PASSWORD, "new_password": OTHER_PASSWORD}))
        .send()
        .assert_error(401, "not_authenticated");
    change(&server, &pair.refresh_token, PASSWORD, OTHER_PASSWORD)
        .assert_error(401, "token_invalid");
    server.take_all_emails();
    server.assert_valid(&pair);
    server.sign_in("ada@example.com");
}

#[test]
fn invalidates_all_emailed_links() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_no_content();
    let reset = server.reset_token("ada@example.com");
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "new@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let email = server.email_token("new@example.com");
    server.take_email("ada@example.com", EMAIL_ABOUT_TO_CHANGE);
    let pair = TokenPair::from(&change(&server, &pair.token, PASSWORD, OTHER_PASSWORD));

    for (path, token) in [
        ("/api/user/activation", &activation),
        ("/api/user/email/change/confirm", &email),
        ("/api/user/password/reset/confirm", &reset),
    ] {
        server
            .post(path)
            .json(json!({"token": token, "new_password": "another-password-5"}))
            .send()
            .assert_field_errors(&["token"]);
    }
    assert_eq!(server.database().count("mailed_tokens", "true"), 0);
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
}

#[test]
fn keeps_the_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let changed = change(&server, &factor.pair.token, PASSWORD, OTHER_PASSWORD);
    let pair = TokenPair::from(&changed);
    assert_eq!(amr(&pair.token), json!(["pwd", "otp"]));
    server.assert_mfa_passed(&pair);
    let pending = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_mfa_pending(&pending);
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_passed(&passed);
}

#[test]
fn succeeds_once_when_devices_race() {
    let server = Server::start();
    server.register("ada@example.com");
    let pairs: Vec<_> = (0..8).map(|_| server.sign_in("ada@example.com")).collect();
    let password = |index: usize| format!("another-password-{index}");
    let responses = concurrently(8, |index| {
        change(&server, &pairs[index].token, PASSWORD, &password(index))
    });
    let mut winner = None;
    for (index, response) in responses.into_iter().enumerate() {
        match response.status {
            200 => {
                assert!(winner.is_none(), "two have changed it");
                winner = Some((index, TokenPair::from(&response)));
            }
            // The other device had already changed the password.
            400 => {
                response.assert_field_errors(&["current_password"]);
            }
            _ => {
                response.assert_error(401, "token_invalid");
            }
        }
    }
    let (index, pair) = winner.expect("one has changed it");
    server.assert_valid(&pair);
    for pair in &pairs {
        server.assert_revoked(pair);
    }
    let again = server.try_sign_in("ada@example.com", &password(index));
    assert_eq!(again.status, 200);
}
