//! `/api/token/introspect`.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{Response, Server, jwt};

const PATH: &str = "/api/token/introspect";

#[track_caller]
fn introspect(server: &Server, key: &str, token: &str) -> Response {
    server
        .post(PATH)
        .token(key)
        .json(json!({"token": token}))
        .send()
}

#[track_caller]
fn assert_inactive(server: &Server, key: &str, token: &str) {
    let response = introspect(server, key, token);
    // Nothing says why.
    assert_eq!(
        (response.status, response.text()),
        (200, r#"{"active":false}"#)
    );
}

fn active(token: &str) -> Value {
    let mut claims = jwt::claims(token);
    claims["active"] = true.into();
    claims
}

#[test]
fn returns_the_claims_of_an_active_token() {
    for algorithm in ["HS256", "EdDSA", "ES256"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let key = server.service_key("tokens:verify");
        let pair = server.sign_up("ada@example.com");
        for _ in 0..2 {
            let response = introspect(&server, &key, &pair.token);
            assert_eq!(
                (response.status, response.json()),
                (200, active(&pair.token))
            );
        }
        // As RFC 7662 writes it.
        let hint = ("token_type_hint", "access_token");
        let form = server
            .post(PATH)
            .token(&key)
            .form(&[("token", &pair.token), hint]);
        assert_eq!(form.send().json(), active(&pair.token));
    }
}

#[test]
fn says_of_any_other_token_that_it_is_inactive() {
    for algorithm in ["HS256", "EdDSA"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let key = server.service_key("tokens:verify");
        let pair = server.sign_up("ada@example.com");
        let ended = server.sign_in("ada@example.com");
        introspect(&server, &key, &ended.token);
        server
            .post("/api/user/logout")
            .token(&ended.token)
            .send()
            .assert_no_content();
        let grace = server.sign_up("grace@example.com");
        server.enable_totp(&grace);
        let pending = server.sign_in("grace@example.com");
        for token in [
            "garbage",
            &ended.token,
            &pair.refresh_token,
            &pending.token,
            &key,
        ] {
            assert_inactive(&server, &key, token);
        }
        server
            .post("/api/user/logout/all")
            .token(&pair.token)
            .send()
            .assert_no_content();
        assert_inactive(&server, &key, &pair.token);
    }
}

#[test]
fn says_of_an_expired_token_that_it_is_inactive() {
    let server = Server::start_with(&[
        ("LATCHKEY_ACCESS_TTL", "1s"),
        ("LATCHKEY_TOKEN_ALG", "EdDSA"),
    ]);
    let key = server.service_key("tokens:verify");
    let pair = server.sign_up("ada@example.com");
    introspect(&server, &key, &pair.token);
    thread::sleep(Duration::from_millis(2100));
    assert_inactive(&server, &key, &pair.token);
}

#[test]
fn requires_a_service_key_with_the_scope() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let key = server.service_key("tokens:verify");
    let body = json!({"token": pair.token});
    let response = server.post(PATH).json(body.clone()).send();
    let response = response.assert_error(401, "not_authenticated");
    assert_eq!(response.header("www-authenticate"), "Bearer");
    let unknown = format!("lk_{}_{}", "0".repeat(32), &key[36..]);
    let cut = &key[..78];
    for invalid in [cut, &pair.token, &unknown, "lk_", "garbage"] {
        let response = introspect(&server, invalid, &pair.token);
        let response = response.assert_error(401, "key_invalid");
        assert_eq!(response.header("www-authenticate"), "Bearer");
    }
    let other = server.service_key("users:read");
    introspect(&server, &other, &pair.token).assert_error(403, "permission_denied");
    // A key is no token.
    server.view(&key).assert_error(401, "token_invalid");
    // The key is checked before the fields.
    server
        .post(PATH)
        .json(json!({}))
        .send()
        .assert_error(401, "not_authenticated");
    server
        .post(PATH)
        .token(&key)
        .json(json!({}))
        .send()
        .assert_field_errors(&["token"]);
    server
        .post(PATH)
        .token(&key)
        .json(json!({"token": 1}))
        .send()
        .assert_field_errors(&["token"]);
}

#[test]
fn refuses_a_key_as_soon_as_it_is_revoked_or_has_expired() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let [revoked, changed] = [0, 1].map(|_| server.service_key("tokens:verify"));
    for key in [&revoked, &changed] {
        assert_eq!(introspect(&server, key, &pair.token).status, 200);
    }
    let output = server.env().run(&["key", "revoke", &revoked[3..35]]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let is_refused = |key: &str| introspect(&server, key, &pair.token).status == 401;
    crate::support::wait_until("refused", Duration::from_secs(2), || is_refused(&revoked));
    introspect(&server, &revoked, &pair.token).assert_error(401, "key_invalid");
    assert!(!is_refused(&changed));
    // By hand, which counts as well.
    server
        .database()
        .execute("UPDATE service_keys SET expires_at = '2026-01-01T00:00:00.000Z'");
    crate::support::wait_until("refused", Duration::from_secs(2), || is_refused(&changed));
}

#[test]
fn writes_nothing_for_a_request() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let key = server.service_key("tokens:verify");
    for _ in 0..20 {
        assert_eq!(introspect(&server, &key, &pair.token).status, 200);
    }
    let last_use = || {
        let sql = "SELECT COALESCE(CAST(last_used_at AS TEXT), '') FROM service_keys";
        server.database().text(sql)
    };
    crate::support::wait_until("written", Duration::from_secs(10), || {
        !last_use().is_empty()
    });
    let first = last_use();
    for _ in 0..20 {
        introspect(&server, &key, &pair.token);
    }
    thread::sleep(Duration::from_millis(300));
    assert_eq!(last_use(), first);
    // Neither does the log contain a key.
    assert!(!server.log().contains(&key[36..]));
    assert!(server.log().contains("service_key"));
}
