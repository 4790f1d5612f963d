//! A token in the `Authorization` header and in the bodies of `verify` and `refresh`. Only a token
//! that the server has issued is accepted.
//!
//! The input is the token itself, or three lines: the header and the claims before encoding, and the
//! signature. `{token}`, `{refresh}`, `{kid}`, `{sub}`, `{sid}` and `{signature}` stand for the values
//! of a valid token.

#![no_main]

use std::sync::LazyLock;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use fuzz::{Pair, TestEnv, field, fill_in, request};
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

struct Good {
    stage: TestEnv,
    pair: Pair,
    names: Vec<(&'static str, String)>,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let stage = TestEnv::new();
    let pair = stage.sign_up("ada@example.com");
    let parts: Vec<_> = pair.access.split('.').collect();
    let decoded = |part: &str| -> Value {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
        serde_json::from_slice(&bytes).expect("JSON")
    };
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let (head, claims) = (decoded(parts[0]), decoded(parts[1]));
    let names = vec![
        ("{token}", pair.access.clone()),
        ("{refresh}", pair.refresh.clone()),
        ("{kid}", text(&head["kid"])),
        ("{sub}", text(&claims["sub"])),
        ("{sid}", text(&claims["sid"])),
        ("{signature}", parts[2].to_owned()),
    ];
    Good { stage, pair, names }
});

fn token(input: &str) -> String {
    let names: Vec<_> = GOOD
        .names
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let input = fill_in(input, &names);
    match input.split('\n').collect::<Vec<_>>()[..] {
        [head, claims, signature] => format!(
            "{}.{}.{signature}",
            BASE64_URL_SAFE_NO_PAD.encode(head),
            BASE64_URL_SAFE_NO_PAD.encode(claims),
        ),
        _ => input,
    }
}

fuzz_target!(|input: &[u8]| {
    let Good { stage, pair, .. } = &*GOOD;
    let Ok(input) = std::str::from_utf8(input) else {
        // Only a header can carry bytes that are not UTF-8.
        if let Some((name, value)) = field(b"authorization", &[b"Bearer ", input].concat()) {
            let mut request = request(Method::GET, "/api/user/view", "");
            request.headers_mut().insert(name, value);
            assert_eq!(stage.ask(request).status, StatusCode::UNAUTHORIZED);
        }
        return;
    };
    let token = token(input);
    let is_good = token == pair.access;

    if let Some((name, value)) = field(b"authorization", format!("Bearer {token}").as_bytes()) {
        let mut request = request(Method::GET, "/api/user/view", "");
        request.headers_mut().insert(name, value);
        let is_good = token.is_ascii() && token.trim() == pair.access;
        assert_eq!(
            stage.ask(request).status == StatusCode::OK,
            is_good,
            "{token}"
        );
    }
    let verified = stage.post("/api/user/login/verify", None, &json!({"token": token}));
    assert_eq!(verified.status == StatusCode::OK, is_good, "{token}");
    let refreshed = stage.post(
        "/api/user/login/refresh",
        None,
        &json!({"refresh_token": token}),
    );
    let is_good = token == pair.refresh;
    assert_eq!(refreshed.status == StatusCode::OK, is_good, "{token}");
});
