//! What people copy from mails, apps and paper: tokens of mailed links, one-time codes, recovery
//! codes. None is right but the right one.
//!
//! The first letter of the input chooses the endpoint; the rest is the field. `{code}` stands for the
//! app's present code.

#![no_main]

use std::{sync::LazyLock, time::Duration};

use fuzz::{PASSWORD, TestEnv, fill_in};
use http::StatusCode;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use totp_rs::{Builder, Secret, Totp};

/// The longest that codes are refused after wrong ones.
const LONGEST_BLOCK: Duration = Duration::from_secs(60 * 60);

const STEP: u64 = 30;

struct Good {
    stage: TestEnv,
    app: Totp,
    /// Without the second factor.
    half: String,
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let stage = TestEnv::new();
    let pair = stage.sign_up("ada@example.com");
    // A link that nobody has seen is on its way.
    stage.post(
        "/api/user/email/change",
        Some(&pair.access),
        &json!({"new_email": "ada@example.org", "current_password": PASSWORD}),
    );
    let setup = stage.post(
        "/api/totp/create",
        Some(&pair.access),
        &json!({"current_password": PASSWORD}),
    );
    let seed = setup.json()["secret"].as_str().expect("a text").to_owned();
    let seed = Secret::try_from_base32(seed).expect("base 32");
    let app = Builder::new().with_secret(seed).build().expect("an app");
    let confirmed = stage.post(
        "/api/totp/confirm",
        Some(&pair.access),
        &json!({"code": app.generate(stage.seconds()).to_string()}),
    );
    assert_eq!(confirmed.status, StatusCode::OK);
    let half = stage.sign_in("ada@example.com").access;
    Good { stage, app, half }
});

fuzz_target!(|input: &[u8]| {
    let Good { stage, app, half } = &*GOOD;
    let Some((endpoint, field)) = std::str::from_utf8(input).ok().and_then(|text| {
        let mut letters = text.chars();
        Some((letters.next()?, letters.as_str()))
    }) else {
        return;
    };
    // Wrong codes of the inputs before don't matter any more.
    stage.advance(LONGEST_BLOCK);
    let now = stage.seconds();
    let field = fill_in(field, &[("{code}", &app.generate(now).to_string())]);
    let bare: String = field.chars().filter(|c| !c.is_whitespace()).collect();
    let (path, token, fields, is_good) = match endpoint {
        'a' => ("/api/user/activation", None, json!({"token": field}), false),
        'r' => (
            "/api/user/password/reset/confirm",
            None,
            json!({"token": field, "new_password": "quiet-copper-lantern-17"}),
            false,
        ),
        'e' => (
            "/api/user/email/change/confirm",
            None,
            json!({"token": field}),
            false,
        ),
        't' => (
            "/api/totp/login",
            Some(&**half),
            json!({"code": field}),
            [now - STEP, now, now + STEP]
                .iter()
                .any(|time| app.generate(*time).to_string() == bare),
        ),
        'y' => (
            "/api/recovery/login",
            Some(&**half),
            json!({"code": field}),
            false,
        ),
        _ => return,
    };
    let answer = stage.post(path, token, &fields);
    assert_eq!(answer.status.is_success(), is_good, "{}", answer.status);
    if !is_good {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
});
