//! `/api/user/login/refresh`.

use std::{thread, time::Duration};

use serde_json::json;

use crate::support::{Server, TokenPair, jwt};

const PATH: &str = "/api/user/login/refresh";

#[test]
fn returns_a_new_pair_of_the_same_session() {
    let server = Server::start();
    let first = server.sign_up("ada@example.com");
    let response = server
        .post(PATH)
        .json(json!({"refresh_token": first.refresh_token}))
        .send()
        .assert_json(
            200,
            json!({
                "token": "<jwt>",
                "refresh_token": "<jwt>",
                "token_type": "Bearer",
                "expires_in": 900,
            }),
        );
    let second = TokenPair::from(&response);
    assert_ne!(first.token, second.token);
    assert_ne!(first.refresh_token, second.refresh_token);
    let (old, new) = (jwt::claims(&first.token), jwt::claims(&second.token));
    for claim in ["iss", "aud", "sub", "sid", "token_type", "amr"] {
        assert_eq!(old[claim], new[claim]);
    }
    assert_ne!(old["jti"], new["jti"]);
    server.assert_valid(&second);
    assert_eq!(server.database().count("sessions", "true"), 1);
}

#[test]
fn accepts_a_form() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let response = server
        .post(PATH)
        .form(&[("refresh_token", &pair.refresh_token)])
        .send();
    server.assert_valid(&TokenPair::from(&response));
}

#[test]
fn continues_from_pair_to_pair() {
    let server = Server::start();
    let mut pair = server.sign_up("ada@example.com");
    for _ in 0..20 {
        pair = TokenPair::from(&server.refresh(&pair.refresh_token));
        assert_eq!(server.view(&pair.token).status, 200);
    }
}

#[test]
fn requires_the_token() {
    let server = Server::start();
    let required = json!({"refresh_token": ["This field is required."]});
    for body in [
        json!({}),
        json!({"refresh_token": null}),
        json!({"refresh_token": ""}),
        json!({"token": "x"}),
    ] {
        server
            .post(PATH)
            .json(body)
            .send()
            .assert_json(400, required.clone());
    }
    server.post(PATH).send().assert_json(400, required);
    for value in [json!(1), json!(["x"]), json!({"x": "y"}), json!(true)] {
        server
            .post(PATH)
            .json(json!({"refresh_token": value}))
            .send()
            .assert_json(400, json!({"refresh_token": ["This must be text."]}));
    }
}

#[test]
fn ignores_the_authorization_header() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .post(PATH)
        .token(&pair.refresh_token)
        .send()
        .assert_field_errors(&["refresh_token"]);
    server.assert_valid(&pair);
}

#[test]
fn rejects_an_access_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .refresh(&pair.token)
        .assert_error(401, "token_invalid");
    server.assert_valid(&pair);
}

#[test]
fn returns_a_valid_pair_for_a_just_used_token() {
    let server = Server::start();
    let first = server.sign_up("ada@example.com");
    let lost = TokenPair::from(&server.refresh(&first.refresh_token));
    let second = TokenPair::from(&server.refresh(&first.refresh_token));
    let third = TokenPair::from(&server.refresh(&second.refresh_token));
    for pair in [&lost, &second, &third] {
        server.assert_valid(pair);
    }
}

#[test]
fn ends_the_session_when_an_older_token_is_reused() {
    let server = Server::start_with(&[("LATCHKEY_REFRESH_GRACE", "1s")]);
    let first = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let second = TokenPair::from(&server.refresh(&first.refresh_token));
    thread::sleep(Duration::from_millis(2100));
    let third = TokenPair::from(&server.refresh(&second.refresh_token));

    server
        .refresh(&first.refresh_token)
        .assert_error(401, "token_invalid");
    server.assert_revoked(&second);
    server.assert_revoked(&third);
    server.assert_valid(&other_device);
}

/// The response to the first refresh was lost, and the client tries again later.
#[test]
fn replaces_an_unused_token_after_the_grace_period() {
    let server = Server::start_with(&[("LATCHKEY_REFRESH_GRACE", "1s")]);
    let first = server.sign_up("ada@example.com");
    let lost = TokenPair::from(&server.refresh(&first.refresh_token));
    thread::sleep(Duration::from_millis(2100));
    let second = TokenPair::from(&server.refresh(&first.refresh_token));
    assert_ne!(
        jwt::claims(&lost.refresh_token)["jti"],
        jwt::claims(&second.refresh_token)["jti"]
    );
    assert_eq!(server.view(&second.token).status, 200);
    let third = TokenPair::from(&server.refresh(&second.refresh_token));
    server.assert_valid(&third);

    // The client that has the lost response is another one.
    server
        .refresh(&lost.refresh_token)
        .assert_error(401, "token_invalid");
    server.assert_revoked(&third);
}

#[test]
fn has_no_grace_period_when_set_to_zero() {
    let server = Server::start_with(&[("LATCHKEY_REFRESH_GRACE", "0s")]);
    let first = server.sign_up("ada@example.com");
    let lost = TokenPair::from(&server.refresh(&first.refresh_token));
    thread::sleep(Duration::from_millis(20));
    let second = TokenPair::from(&server.refresh(&first.refresh_token));
    server
        .refresh(&lost.refresh_token)
        .assert_error(401, "token_invalid");
    server.assert_revoked(&second);
}

#[test]
fn ends_with_the_idle_limit() {
    let server = Server::start_with(&[("LATCHKEY_REFRESH_TTL", "2s")]);
    let pair = server.sign_up("ada@example.com");
    let claims = jwt::claims(&pair.refresh_token);
    assert_eq!(
        claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(),
        2
    );
    thread::sleep(Duration::from_millis(3100));
    server
        .refresh(&pair.refresh_token)
        .assert_error(401, "token_expired");
    let mut forged = jwt::parse(&pair.refresh_token).with_claim("exp", 4_000_000_000_u64);
    server
        .refresh(&forged.encode())
        .assert_error(401, "token_invalid");
    forged.claims = claims;
    forged.signature = jwt::base64("another signature");
    server
        .refresh(&forged.encode())
        .assert_error(401, "token_invalid");

    // The device is no longer signed in.
    let pair = server.sign_in("ada@example.com");
    let sessions = server.get("/api/user/sessions").token(&pair.token).send();
    assert_eq!(
        sessions.json().as_array().map(Vec::len),
        Some(1),
        "{sessions}"
    );
}

#[test]
fn ends_with_the_absolute_limit_however_often_it_is_used() {
    let server = Server::start_with(&[("LATCHKEY_SESSION_TTL", "4s")]);
    let mut pair = server.sign_up("ada@example.com");
    thread::sleep(Duration::from_millis(1200));
    pair = TokenPair::from(&server.refresh(&pair.refresh_token));
    thread::sleep(Duration::from_millis(3300));
    let response = server.refresh(&pair.refresh_token);
    assert_eq!(response.status, 401, "{response}");
}

#[test]
fn is_not_possible_after_signing_out() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&pair.token)
        .send()
        .assert_no_content();
    server
        .refresh(&pair.refresh_token)
        .assert_error(401, "token_invalid");
}
