//! The `User-Agent` header: stored, listed, and turned into the name of the device.

#![no_main]

use std::sync::LazyLock;

use accounts::device_name;
use fuzz::{PASSWORD, TestEnv, field, request};
use http::{Method, StatusCode};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

const EMAIL: &str = "ada@example.com";

static STAGE: LazyLock<TestEnv> = LazyLock::new(|| {
    let stage = TestEnv::new();
    stage.register(EMAIL);
    stage
});

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let name = device_name(&text);
    assert!(!name.is_empty() && name.chars().count() <= 40, "{name}");

    let Some(user_agent) = field(b"user-agent", input) else {
        return;
    };
    let sign_in = json!({"email": EMAIL, "password": PASSWORD});
    let mut request = request(Method::POST, "/api/user/login", sign_in.to_string());
    request.headers_mut().extend(
        [
            Some(user_agent),
            field(b"content-type", b"application/json"),
        ]
        .into_iter()
        .flatten(),
    );
    let token = STAGE.ask(request).pair().access;
    let sessions = STAGE.get("/api/user/sessions", &token).json();
    let shown = sessions[0]["user_agent"].as_str().expect("a text");
    let expected: String = text.chars().take(512).collect();
    assert_eq!(shown, expected);
    assert_eq!(sessions[0]["device"], device_name(&expected));
    let out = STAGE.post("/api/user/logout", Some(&token), &json!({}));
    assert_eq!(out.status, StatusCode::NO_CONTENT);
});
