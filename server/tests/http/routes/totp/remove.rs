//! `/api/totp/remove`.

use serde_json::{Value, json};

use crate::support::{Authenticator, PASSWORD, Response, Server, TokenPair, text_of};

const PATH: &str = "/api/totp/remove";

const REMOVED: &str = "An authenticator app was removed";

fn remove(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

/// The ids of the user's apps, oldest first.
fn ids(server: &Server, pair: &TokenPair) -> Vec<String> {
    let list = server.get("/api/totp").token(&pair.token).send().json();
    let apps = list.as_array().expect("a list");
    apps.iter().map(|app| text_of(app, "id")).collect()
}

/// The status of a sign-in with a code of this app.
fn sign_in(server: &Server, app: &Authenticator) -> u16 {
    server.forget_totp_steps();
    let pending = server.sign_in("ada@example.com");
    server.pass_totp(&pending.token, &app.code()).status
}

#[test]
fn removes_one_of_several_apps() {
    for removes_first in [true, false] {
        let server = Server::start();
        let factor = server.enable_totp(&server.sign_up("ada@example.com"));
        let added = server.add_app(&factor.pair, json!({"name": "Tablet"}));
        server.take_all_emails();
        let ids = ids(&server, &factor.pair);
        let (removed, kept, name) = match removes_first {
            true => (&factor.app, &added, "\"Authenticator app\""),
            false => (&added, &factor.app, "\"Tablet\""),
        };
        let body = json!({"id": ids[usize::from(!removes_first)], "current_password": PASSWORD});
        remove(&server, &factor.pair.token, body.clone()).assert_no_content();
        let email = server.take_email("ada@example.com", REMOVED);
        email.assert_no_link();
        assert!(email.text.contains(name), "{email:?}");
        server.assert_emails(&[]);
        let events = server
            .database()
            .count("audit_events", "event = 'totp_removed'");
        assert_eq!(events, 1);
        remove(&server, &factor.pair.token, body).assert_error(404, "not_found");
        assert_eq!(sign_in(&server, removed), 400);
        assert_eq!(sign_in(&server, kept), 200);
        // Sessions and recovery codes stay.
        server.assert_mfa_passed(&factor.pair);
        assert_eq!(server.database().count("recovery_codes", "true"), 10);
    }
}

#[test]
fn keeps_the_only_app() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    // What is being set up is no other one.
    server.set_up_totp(&factor.pair);
    let id = &ids(&server, &factor.pair)[0];
    let body = json!({"id": id, "current_password": PASSWORD});
    remove(&server, &factor.pair.token, body).assert_json(
        409,
        json!({
            "code": "conflict",
            "detail": "This is your only authenticator app. Turn two-factor authentication off instead.",
        }),
    );
    assert_eq!(sign_in(&server, &factor.app), 200);
}

#[test]
fn needs_the_password_and_an_id_of_the_user() {
    let server = Server::start();
    let ada = server.enable_totp(&server.sign_up("ada@example.com")).pair;
    let grace = server
        .enable_totp(&server.sign_up("grace@example.com"))
        .pair;
    for pair in [&ada, &grace] {
        server.add_app(pair, json!({}));
    }
    let id = &ids(&server, &ada)[1];
    remove(&server, &ada.token, json!({})).assert_field_errors(&["id"]);
    remove(&server, &ada.token, json!({"id": id})).assert_json(
        400,
        json!({"current_password": ["This field is required."]}),
    );
    let wrong = json!({"id": id, "current_password": "wrong"});
    remove(&server, &ada.token, wrong).assert_field_errors(&["current_password"]);
    for id in [id.as_str(), "x"] {
        let body = json!({"id": id, "current_password": PASSWORD});
        remove(&server, &grace.token, body).assert_error(404, "not_found");
    }
    assert_eq!(server.database().count("authenticator_apps", "true"), 2);
}

#[test]
fn no_longer_trusts_any_device() {
    let server = Server::start();
    let factor = server.enable_totp(&server.sign_up("ada@example.com"));
    let app = server.add_app(&factor.pair, json!({}));
    server.forget_totp_steps();
    let pending = server.sign_in("ada@example.com");
    let body = json!({"code": app.code(), "trust_device": true});
    let passed = server
        .post("/api/totp/login")
        .token(&pending.token)
        .json(body)
        .send();
    assert_eq!(passed.status, 200, "{passed}");
    assert_eq!(server.database().count("trusted_devices", "true"), 1);
    let id = &ids(&server, &factor.pair)[0];
    let body = json!({"id": id, "current_password": PASSWORD});
    remove(&server, &factor.pair.token, body).assert_no_content();
    assert_eq!(server.database().count("trusted_devices", "true"), 0);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
