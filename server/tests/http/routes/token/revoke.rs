//! `/api/token/revoke`.

use std::{thread, time::Duration};

use serde_json::json;

use crate::support::{Server, TokenPair, jwt};

const PATH: &str = "/api/token/revoke";

#[track_caller]
fn revoke(server: &Server, token: &str) {
    let response = server.post(PATH).json(json!({"token": token})).send();
    assert_eq!((response.status, response.text()), (200, "{}"), "{token}");
}

#[test]
fn ends_the_session_of_either_kind_of_token() {
    for algorithm in ["HS256", "EdDSA", "ES256"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        server.register("ada@example.com");
        let [by_access, by_refresh, by_form, other] =
            [0; 4].map(|_| server.sign_in("ada@example.com"));
        revoke(&server, &by_access.token);
        revoke(&server, &by_refresh.refresh_token);
        // As RFC 7009 writes it.
        let hint = ("token_type_hint", "refresh_token");
        let form = server
            .post(PATH)
            .form(&[("token", &by_form.refresh_token), hint]);
        assert_eq!(form.send().status, 200);
        for pair in [&by_access, &by_refresh, &by_form] {
            server.assert_revoked(pair);
            revoke(&server, &pair.token);
            revoke(&server, &pair.refresh_token);
        }
        let events = server
            .database()
            .count("audit_events", "event = 'signed_out'");
        assert_eq!(events, 3);
        server.assert_valid(&other);
    }
}

#[test]
fn ends_the_session_of_a_token_that_was_used_or_has_expired() {
    for algorithm in ["HS256", "EdDSA"] {
        let settings = [
            ("LATCHKEY_ACCESS_TTL", "1s"),
            ("LATCHKEY_TOKEN_ALG", algorithm),
        ];
        let server = Server::start_with(&settings);
        server.register("ada@example.com");
        let [used, expired] = [0; 2].map(|_| server.sign_in("ada@example.com"));
        let renewed = TokenPair::from(&server.refresh(&used.refresh_token));
        thread::sleep(Duration::from_millis(2100));
        server
            .view(&expired.token)
            .assert_error(401, "token_expired");
        revoke(&server, &used.refresh_token);
        revoke(&server, &expired.token);
        for pair in [&renewed, &expired] {
            server
                .refresh(&pair.refresh_token)
                .assert_error(401, "token_invalid");
        }
    }
}

#[test]
fn says_the_same_of_every_other_token_and_ends_nothing() {
    for algorithm in ["HS256", "EdDSA"] {
        let server = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let pair = server.sign_up("ada@example.com");
        let session = jwt::claims(&pair.token)["sid"].clone();
        let other = server.sign_up("grace@example.com");
        let forged = jwt::parse(&other.token).with_claim("sid", session.clone());
        let unsigned = jwt::parse(&pair.token).unsigned();
        for token in [
            &*forged.encode(),
            &unsigned.encode(),
            "garbage",
            "a.b.c",
            "\u{0}",
        ] {
            revoke(&server, token);
        }
        // A token from before signing out everywhere.
        let old = server.sign_in("ada@example.com");
        server
            .post("/api/user/logout/all")
            .token(&other.token)
            .send()
            .assert_no_content();
        revoke(&server, &other.token);
        let new = server.sign_in("grace@example.com");
        revoke(&server, &other.token);
        for pair in [&pair, &old, &new] {
            server.assert_valid(pair);
        }
    }
}

#[test]
fn requires_the_token() {
    let server = Server::start();
    for body in [json!({}), json!({"token": ""}), json!({"token": 1})] {
        server
            .post(PATH)
            .json(body)
            .send()
            .assert_field_errors(&["token"]);
    }
}
