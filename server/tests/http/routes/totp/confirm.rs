//! `/api/totp/confirm`.

use serde_json::json;

use crate::support::{
    Server, TokenPair, concurrently,
    email::{OTP_ENABLED, RECOVERY_CODE_USED},
    recovery_codes,
};

const PATH: &str = "/api/totp/confirm";

#[test]
fn enables_two_factor_authentication() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    server.take_all_emails();
    let app = server.set_up_totp(&pair);
    let response = server.confirm_totp(&pair.token, &app.code());
    let codes = recovery_codes(&response);
    let body = response.json();
    response.assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
            "recovery_codes": codes,
        }),
    );
    let passed = TokenPair {
        token: body["token"].as_str().unwrap().to_owned(),
        refresh_token: body["refresh_token"].as_str().unwrap().to_owned(),
    };
    assert_eq!(server.view(&passed.token).json()["otp_enabled"], true);
    server.assert_mfa_passed(&passed);
    // For earlier tokens, of this and other devices, MFA is pending.
    server.assert_mfa_pending(&pair);
    server.assert_mfa_pending(&other_device);
    server.assert_mfa_pending(&server.sign_in("ada@example.com"));
    server
        .take_email("ada@example.com", OTP_ENABLED)
        .assert_no_link();
    server.assert_emails(&[]);
}

#[test]
fn returns_recovery_codes_of_at_least_50_bits() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let mut codes = server.enable_totp(&pair).recovery_codes;
    for code in &codes {
        let digits = code.chars().filter(|c| c.is_ascii_alphanumeric()).count();
        // A Base32 digit has 5 bits.
        assert!(digits * 5 >= 50, "{code}");
        assert_eq!(*code, code.to_lowercase());
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 10);
    assert_eq!(server.database().count("recovery_codes", "true"), 10);
    for code in codes {
        let hashes = format!("CAST(hash AS TEXT) LIKE '%{code}%'");
        assert_eq!(server.database().count("recovery_codes", &hashes), 0);
    }
}

#[test]
fn rejects_wrong_codes() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let none_set_up = server.confirm_totp(&pair.token, "123456");
    none_set_up.assert_json(
        400,
        json!({"code": ["Set up an authenticator app first, then enter its code."]}),
    );
    let app = server.set_up_totp(&pair);
    let wrong = json!({"code": ["Incorrect code, or it was already used."]});
    server
        .confirm_totp(&pair.token, &app.wrong_code())
        .assert_json(400, wrong.clone());
    server
        .confirm_totp(&pair.token, &app.code_at_offset(-4))
        .assert_json(400, wrong.clone());
    server
        .confirm_totp(&pair.token, &app.code_at_offset(4))
        .assert_json(400, wrong);
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_json(400, json!({"code": ["This field is required."]}));
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"code": 123_456}))
        .send()
        .assert_json(400, json!({"code": ["This must be text."]}));
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    server.assert_valid(&pair);
}

#[test]
fn accepts_a_code_with_spaces() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let app = server.set_up_totp(&pair);
    let code = app.code();
    let spaced = format!(" {} {}\n", &code[..3], &code[3..]);
    assert_eq!(server.confirm_totp(&pair.token, &spaced).status, 200);
}

#[test]
fn succeeds_once_under_concurrency() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let app = server.set_up_totp(&pair);
    let code = app.code();
    let responses = concurrently(8, |_| server.confirm_totp(&pair.token, &code));
    let good: Vec<_> = responses
        .iter()
        .filter(|response| response.status == 200)
        .collect();
    assert_eq!(good.len(), 1);
    // The codes that were returned are those that are stored.
    let pending = server.sign_in("ada@example.com");
    let codes = recovery_codes(good[0]);
    server
        .database()
        .execute("UPDATE second_factors SET wrong_codes = 0, blocked_until = NULL");
    assert_eq!(server.pass_recovery(&pending.token, &codes[9]).status, 200);
    assert_eq!(server.database().count("recovery_codes", "true"), 9);
}

/// A new phone: the old app works until the new one is confirmed.
#[test]
fn replaces_the_authenticator_app() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let old = server.enable_totp(&pair);
    let new = server.set_up_totp(&old.pair);
    let sign_in = || server.sign_in("ada@example.com").token;
    // Each time step is valid once, whichever the app.
    let forget_steps = || server.database().execute("DELETE FROM used_totp_steps");
    assert_eq!(server.pass_totp(&sign_in(), &old.app.code()).status, 200);
    forget_steps();
    server
        .pass_totp(&sign_in(), &new.code())
        .assert_field_errors(&["code"]);
    forget_steps();
    let response = server.confirm_totp(&old.pair.token, &new.code());
    let codes = recovery_codes(&response);
    forget_steps();
    server
        .pass_totp(&sign_in(), &old.app.code())
        .assert_field_errors(&["code"]);
    forget_steps();
    assert_eq!(server.pass_totp(&sign_in(), &new.code()).status, 200);
    server
        .pass_recovery(&sign_in(), &old.recovery_codes[0])
        .assert_field_errors(&["code"]);
    assert_eq!(server.pass_recovery(&sign_in(), &codes[0]).status, 200);
    server.take_email("ada@example.com", RECOVERY_CODE_USED);
}
