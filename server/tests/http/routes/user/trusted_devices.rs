//! `/api/user/trusted_devices`, and devices that are trusted by `/api/totp/login`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, SecondFactor, Server, TokenPair, amr};

const PATH: &str = "/api/user/trusted_devices/revoke";
const EMAIL: &str = "ada@example.com";

/// A user with a second factor.
fn server_with_user() -> (Server, SecondFactor) {
    let server = Server::start();
    let pair = server.sign_up(EMAIL);
    let factor = server.enable_totp(&pair);
    (server, factor)
}

/// The cookie that a response sets, as it is sent with requests.
fn cookie(response: &Response) -> String {
    let cookie = response.header("set-cookie").split(';').next();
    cookie.unwrap_or_default().to_owned()
}

fn login(server: &Server, cookie: &str) -> Response {
    server
        .post("/api/user/login")
        .header("cookie", cookie)
        .json(json!({"email": EMAIL, "password": PASSWORD}))
        .send()
}

fn pass(server: &Server, token: &str, cookie: &str, body: Value) -> Response {
    server
        .post("/api/totp/login")
        .token(token)
        .header("cookie", cookie)
        .json(body)
        .send()
}

/// Completes the second factor on a device that is to be trusted. Returns its cookie and its tokens.
fn trust(server: &Server, factor: &SecondFactor) -> (String, TokenPair) {
    let response = login(server, "");
    let (pending, kept) = (TokenPair::from(&response), cookie(&response));
    let body = json!({"code": factor.app.code(), "trust_device": true});
    let response = pass(server, &pending.token, &kept, body);
    let (trusted, pair) = (cookie(&response), TokenPair::from(&response));
    assert!(trusted.starts_with("latchkey_device="), "{trusted}");
    (trusted, pair)
}

fn is_complete(server: &Server, cookie: &str) -> bool {
    let response = login(server, cookie);
    assert_eq!(response.status, 200, "{response}");
    response.json().get("otp_required").is_none()
}

#[test]
fn a_trusted_device_takes_no_code() {
    let (server, factor) = server_with_user();
    let (cookie, pair) = trust(&server, &factor);
    assert_eq!(amr(&pair.token), json!(["pwd", "otp"]));
    let response = login(&server, &cookie);
    let pair = TokenPair::from(&response);
    response.assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    assert_eq!(amr(&pair.token), json!(["pwd", "rba"]));
    let sessions = server.get("/api/user/sessions").token(&pair.token).send();
    let sessions = sessions.json();
    assert!(sessions[0]["trusted_until"].is_string(), "{sessions}");
    assert!(sessions[1].get("trusted_until").is_none(), "{sessions}");
    assert!(!is_complete(&server, ""));
    server.assert_valid(&pair);
}

#[test]
fn a_form_says_true_or_false() {
    let (server, factor) = server_with_user();
    let pending = server.sign_in(EMAIL);
    let wrong = json!({"code": "123456", "trust_device": "perhaps"});
    pass(&server, &pending.token, "", wrong).assert_json(
        400,
        json!({"trust_device": ["This must be true or false."]}),
    );
    let response = server
        .post("/api/totp/login")
        .token(&pending.token)
        .form(&[("code", &factor.app.code()), ("trust_device", "false")])
        .send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(server.database().count("trusted_devices", "true"), 0);
}

#[test]
fn no_device_is_trusted_after_revoking() {
    let (server, factor) = server_with_user();
    let (cookie, pair) = trust(&server, &factor);
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_no_content();
    assert!(!is_complete(&server, &cookie));
    server.assert_valid(&pair);
}

#[test]
fn a_new_password_ends_the_trust() {
    let (server, factor) = server_with_user();
    let (cookie, pair) = trust(&server, &factor);
    let response = server
        .post("/api/user/password/change")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD, "new_password": PASSWORD}))
        .send();
    assert_eq!(response.status, 200, "{response}");
    assert!(!is_complete(&server, &cookie));
    assert_eq!(server.database().count("trusted_devices", "true"), 0);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
