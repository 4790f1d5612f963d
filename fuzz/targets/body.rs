//! The body of a request: whatever it is, it is read or refused.
//!
//! Of the input, the first letter chooses the endpoint, the second how the body is called (`j` JSON, `f`
//! a form), the third whether there is a token (`t`); the rest is the body.

#![no_main]

use std::sync::LazyLock;

use fuzz::{Pair, TestEnv, field, request};
use http::Method;
use libfuzzer_sys::fuzz_target;

/// Those that take fields, but for the one that would end the session.
const ENDPOINTS: [&str; 19] = [
    "/api/user/create",
    "/api/user/login",
    "/api/user/login/refresh",
    "/api/user/login/verify",
    "/api/user/delete",
    "/api/user/sessions/revoke",
    "/api/user/activation",
    "/api/user/activation/resend",
    "/api/user/password/change",
    "/api/user/password/reset",
    "/api/user/password/reset/confirm",
    "/api/user/email/change",
    "/api/user/email/change/confirm",
    "/api/totp/create",
    "/api/totp/confirm",
    "/api/totp/login",
    "/api/totp/delete",
    "/api/recovery/create",
    "/api/recovery/login",
];

static STAGE: LazyLock<(TestEnv, Pair)> = LazyLock::new(|| {
    let stage = TestEnv::new();
    let pair = stage.sign_up("ada@example.com");
    (stage, pair)
});

fuzz_target!(|input: &[u8]| {
    let (stage, pair) = &*STAGE;
    let [endpoint, kind, signed_in, body @ ..] = input else {
        return;
    };
    let endpoint = usize::from(endpoint.wrapping_sub(b'a')) % ENDPOINTS.len();
    let mut request = request(Method::POST, ENDPOINTS[endpoint], body.to_vec());
    let content_type: &[u8] = match kind {
        b'j' => b"application/json",
        b'f' => b"application/x-www-form-urlencoded",
        b'u' => b"application/json; charset=utf-8",
        b'p' => b"text/plain",
        _ => b"",
    };
    let token = format!("Bearer {}", pair.access);
    let fields = [
        field(b"content-type", content_type).filter(|_| !content_type.is_empty()),
        field(b"authorization", token.as_bytes()).filter(|_| *signed_in == b't'),
    ];
    request.headers_mut().extend(fields.into_iter().flatten());
    stage.ask(request);
});
