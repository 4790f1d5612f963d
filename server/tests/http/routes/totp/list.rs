//! `/api/totp`.

use serde_json::json;

use crate::support::{Server, text_of};

const PATH: &str = "/api/totp";

#[test]
fn returns_the_authenticator_apps_of_the_user() {
    let server = Server::start();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let list = |token: &str| server.get(PATH).token(token).send();
    list(&ada.token).assert_json(200, json!([]));
    server.enable_totp(&grace);
    let factor = server.enable_totp(&ada);
    let token = &factor.pair.token;
    let tablet = server.add_app(&factor.pair, json!({"name": "Tablet"}));
    server.set_up_totp(&factor.pair);
    server.forget_totp_steps();
    let pending = server.sign_in("ada@example.com");
    let passed = server.pass_totp(&pending.token, &tablet.code());
    assert_eq!(passed.status, 200, "{passed}");
    list(token).assert_json(
        200,
        json!([
            {
                "id": "<uuid>",
                "name": "Authenticator app",
                "created_at": "<time>",
                "last_used_at": null,
            },
            {
                "id": "<uuid>",
                "name": "Tablet",
                "created_at": "<time>",
                "last_used_at": "<time>",
            },
        ]),
    );
    let export = server.get("/api/user/export").token(token).send();
    assert_eq!(export.json()["authenticator_apps"], list(token).json());
    assert!(!export.text().contains("seed"), "{export}");
}

/// The name of an app that has none is in the language of the request.
#[test]
fn returns_an_app_of_an_earlier_version() {
    let server = Server::start();
    let pair = server.enable_totp(&server.sign_up("ada@example.com")).pair;
    server
        .database()
        .execute("UPDATE second_factors SET app_id = NULL, app_created_at = NULL");
    let list = |language: &str| {
        let request = server.get(PATH).token(&pair.token);
        request.header("accept-language", language).send()
    };
    list("en").assert_json(
        200,
        json!([{
            "id": "<uuid>",
            "name": "Authenticator app",
            "created_at": null,
            "last_used_at": null,
        }]),
    );
    let id = server.id_of("ada@example.com");
    assert_eq!(text_of(&list("de").json()[0], "id"), id);
    assert_eq!(text_of(&list("de").json()[0], "name"), "Authenticator-App");
}

#[test]
fn refuses_a_token_with_mfa_pending() {
    let server = Server::start();
    server.enable_totp(&server.sign_up("ada@example.com"));
    let pending = server.sign_in("ada@example.com");
    server
        .get(PATH)
        .token(&pending.token)
        .send()
        .assert_error(403, "otp_required");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
