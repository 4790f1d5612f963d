//! The head of a request: tokens, cookies, ids, and whatever else it may hold.
//!
//! The first line of the input is `METHOD PATH`, each further one a header field. `{token}` and
//! `{device}` stand for a good token, and what a device keeps after it has signed in.

#![no_main]

use std::sync::LazyLock;

use fuzz::{PASSWORD, Pair, TestEnv, field, request};
use http::{Method, StatusCode, header};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const EMAIL: &str = "ada@example.com";

struct Good {
    stage: TestEnv,
    pair: Pair,
    device: String,
    sign_in: String,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let stage = TestEnv::new();
    let pair = stage.sign_up(EMAIL);
    let sign_in = json!({"email": EMAIL, "password": PASSWORD});
    let answer = stage.post("/api/user/login", None, &sign_in);
    Good {
        device: device(answer.headers[header::SET_COOKIE].as_bytes()),
        sign_in: sign_in.to_string(),
        stage,
        pair,
    }
});

/// What the device is to keep: so many tokens, of such letters.
fn device(cookie: &[u8]) -> String {
    let cookie = std::str::from_utf8(cookie).expect("ASCII");
    let (pair, rest) = cookie.split_once("; ").expect("a cookie with attributes");
    assert_eq!(
        rest,
        "Path=/api/user/login; Max-Age=34560000; HttpOnly; SameSite=Strict; Secure"
    );
    let tokens = pair.strip_prefix("latchkey_device=").expect("its name");
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(tokens.split('.').count() <= 4);
    assert!(
        tokens
            .split('.')
            .all(|token| token.len() == 43 && token.bytes().all(is_base64))
    );
    tokens.to_owned()
}

fuzz_target!(|input: &[u8]| {
    let Good {
        stage,
        pair,
        device: kept,
        sign_in,
    } = &*GOOD;
    let mut lines = input.split(|byte| *byte == b'\n');
    let first = lines.next().and_then(|line| std::str::from_utf8(line).ok());
    let Some((method, path)) = first.and_then(|line| line.split_once(' ')) else {
        return;
    };
    // Signing out ends the session that the next input needs.
    let Ok(method) = Method::from_bytes(method.as_bytes()) else {
        return;
    };
    if !path.starts_with('/') || path.contains("logout") || path.parse::<http::Uri>().is_err() {
        return;
    }
    let is_sign_in = path == "/api/user/login" && method == Method::POST;
    let mut request = request(
        method,
        path,
        if is_sign_in { &**sign_in } else { "" }.to_owned(),
    );
    if is_sign_in {
        let json = field(b"content-type", b"application/json");
        request.headers_mut().extend(json);
    }
    for line in lines {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        let value = match std::str::from_utf8(value) {
            Ok(text) => {
                let names = [("{token}", &*pair.access), ("{device}", kept)];
                fuzz::fill_in(text, &names).into_bytes()
            }
            Err(_) => value.to_vec(),
        };
        if let Some((name, value)) = field(name, value.trim_ascii()) {
            request.headers_mut().append(name, value);
        }
    }
    let answer = stage.ask(request);

    let id = answer.headers["x-request-id"].as_bytes();
    // No proxy is trusted here, so the id is always a new one.
    assert!(id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit));
    if let Some(cookie) = answer.headers.get(header::SET_COOKIE) {
        assert!(is_sign_in && answer.status == StatusCode::OK);
        device(cookie.as_bytes());
        let out = stage.post("/api/user/logout", Some(&answer.pair().access), &json!({}));
        assert_eq!(out.status, StatusCode::NO_CONTENT);
    }
});
