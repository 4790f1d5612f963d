//! `/api/totp/add`.

use serde_json::json;

use crate::support::{Response, Server};

const PATH: &str = "/api/totp/add";

const ADDED: &str = "An authenticator app was added";

fn add(server: &Server, token: &str, code: &str) -> Response {
    let body = json!({"code": code});
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn adds_an_app_beside_the_others() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let token = &factor.pair.token;
    server.take_all_emails();
    let app = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    let body = json!({"code": app.code(), "name": " Tablet "});
    server
        .post(PATH)
        .token(token)
        .json(body.clone())
        .send()
        .assert_json(
            201,
            json!({
                "id": "<uuid>",
                "name": "Tablet",
                "created_at": "<time>",
                "last_used_at": null,
            }),
        );
    let email = server.take_email("ada@example.com", ADDED);
    email.assert_no_link();
    assert!(email.text.contains("\"Tablet\""), "{email:?}");
    server.assert_emails(&[]);
    let events = server
        .database()
        .count("audit_events", "event = 'totp_added'");
    assert_eq!(events, 1);
    // Sessions and recovery codes stay.
    server.assert_mfa_passed(&factor.pair);
    assert_eq!(server.database().count("recovery_codes", "true"), 10);
    // The code is used, and no app is being set up any more.
    server
        .post(PATH)
        .token(token)
        .json(body)
        .send()
        .assert_json(
            400,
            json!({"code": ["Set up an authenticator app first, then enter its code."]}),
        );
    for app in [&app, &factor.app] {
        server.forget_totp_steps();
        let pending = server.sign_in("ada@example.com");
        let passed = server.pass_totp(&pending.token, &app.code());
        assert_eq!(passed.status, 200, "{passed}");
    }
}

#[test]
fn is_valid_for_all_that_takes_a_code() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let app = server.add_app(&factor.pair, json!({}));
    server.forget_totp_steps();
    let body = json!({"current_password": crate::support::PASSWORD, "code": app.code()});
    let response = server
        .post("/api/user/reauthenticate")
        .token(&factor.pair.token)
        .json(body)
        .send();
    assert_eq!(response.status, 200, "{response}");
}

#[test]
fn rejects_wrong_codes_and_names() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let token = &factor.pair.token;
    let app = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    let wrong = json!({"code": ["Incorrect code, or it was already used."]});
    add(&server, token, &app.wrong_code()).assert_json(400, wrong.clone());
    // That of an app in use is none of the new one.
    add(&server, token, &factor.app.code()).assert_json(400, wrong);
    let body = json!({"code": "", "name": "x".repeat(101)});
    server
        .post(PATH)
        .token(token)
        .json(body)
        .send()
        .assert_json(
            400,
            json!({
                "code": ["This field is required."],
                "name": ["A name has at most 100 characters."],
            }),
        );
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
    assert_eq!(add(&server, token, &app.code()).status, 201);
}

#[test]
fn counts_wrong_codes_with_those_at_sign_in() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let app = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    let pending = server.sign_in("ada@example.com");
    for _ in 0..4 {
        server
            .pass_totp(&pending.token, &factor.app.wrong_code())
            .assert_field_errors(&["code"]);
    }
    add(&server, &factor.pair.token, &app.wrong_code()).assert_field_errors(&["code"]);
    add(&server, &factor.pair.token, &app.code()).assert_error(429, "throttled");
    server
        .pass_totp(&pending.token, &factor.app.code())
        .assert_error(429, "throttled");
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
}

#[test]
fn needs_a_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let app = server.set_up_totp(&pair);
    add(&server, &pair.token, &app.code()).assert_error(403, "permission_denied");
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
}

#[test]
fn adds_at_most_ten() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    for number in 0..8 {
        server.database().execute(&format!(
            "INSERT INTO authenticator_apps (id, user_id, seed, created_at)
            SELECT '5d2e9a61-6b0c-4f4e-9d57-00000000000{number}', user_id, seed,
                '2026-01-31T08:15:30.250Z' FROM second_factors"
        ));
    }
    server.add_app(&factor.pair, json!({}));
    let app = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    add(&server, &factor.pair.token, &app.code()).assert_json(
        409,
        json!({
            "code": "conflict",
            "detail": "You have 10 authenticator apps. Remove one first.",
        }),
    );
    assert_eq!(server.database().count("authenticator_apps", "true"), 9);
    // It may still replace them all.
    server.forget_totp_steps();
    let confirmed = server.confirm_totp(&factor.pair.token, &app.code());
    assert_eq!(confirmed.status, 200, "{confirmed}");
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
}

/// A confirmed app replaces those that were added, and one without a second factor is none.
#[test]
fn goes_with_the_first_app() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    server.add_app(&factor.pair, json!({}));
    let replacement = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    let body = json!({"code": replacement.code(), "name": "New phone"});
    let confirmed = server
        .post("/api/totp/confirm")
        .token(&factor.pair.token)
        .json(body)
        .send();
    let pair = crate::support::TokenPair::from(&confirmed);
    let list = server.get("/api/totp").token(&pair.token).send();
    list.assert_json(
        200,
        json!([{
            "id": "<uuid>",
            "name": "New phone",
            "created_at": "<time>",
            "last_used_at": null,
        }]),
    );
    server.add_app(&pair, json!({}));
    let output = server
        .env()
        .run(&["user", "reset-otp", "--email", "ada@example.com"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
    assert_eq!(
        server
            .database()
            .count("second_factors", "app_name IS NOT NULL"),
        0
    );
}

#[test]
fn refuses_a_token_with_mfa_pending() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let pending = server.sign_in("ada@example.com");
    let app = server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    add(&server, &pending.token, &app.code()).assert_error(403, "otp_required");
    assert_eq!(server.database().count("authenticator_apps", "true"), 0);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
