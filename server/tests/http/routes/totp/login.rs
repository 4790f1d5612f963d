//! `/api/totp/login`.

use serde_json::json;

use crate::support::{Response, Server, TokenPair, concurrently, jwt};

const PATH: &str = "/api/totp/login";

fn assert_throttled(response: Response) {
    let seconds: u64 = response.header("retry-after").parse().expect("seconds");
    assert!((1..=61).contains(&seconds), "{response}");
    response.assert_json(
        429,
        json!({
            "detail": "Too many attempts. Try again in a minute.",
            "code": "throttled",
        }),
    );
}

#[test]
fn passes_mfa() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    let pending = server.sign_in("ada@example.com");
    server.assert_mfa_pending(&pending);
    let response = server
        .pass_totp(&pending.token, &factor.app.code())
        .assert_json(
            200,
            json!({
                "token": "<jwt>",
                "refresh_token": "<jwt>",
                "token_type": "Bearer",
                "expires_in": 900,
            }),
        );
    let passed = TokenPair::from(&response);
    let [before, after] = [&pending, &passed].map(|pair| jwt::claims(&pair.token));
    assert_eq!(before["sid"], after["sid"]);
    server.assert_mfa_passed(&passed);
    server.assert_mfa_passed(&factor.pair);
    server.assert_emails(&[]);
}

#[test]
fn accepts_a_form() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    let response = server
        .post(PATH)
        .token(&pending.token)
        .form(&[("code", &factor.app.code())])
        .send();
    server.assert_mfa_passed(&TokenPair::from(&response));
}

#[test]
fn earlier_token_stays_pending() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_pending(&pending);
    // Within the grace period, the pending refresh token still gets a pair, which is pending, too.
    let again = TokenPair::from(&server.refresh(&pending.refresh_token));
    server.assert_mfa_pending(&again);
    let again = TokenPair::from(&server.refresh(&again.refresh_token));
    server.assert_mfa_pending(&again);
    server.assert_mfa_passed(&passed);
}

#[test]
fn code_is_valid_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let code = factor.app.code();
    let pending = server.sign_in("ada@example.com");
    assert_eq!(server.pass_totp(&pending.token, &code).status, 200);
    let wrong = json!({"code": ["Incorrect code, or it was already used."]});
    server
        .pass_totp(&pending.token, &code)
        .assert_json(400, wrong.clone());
    let other_device = server.sign_in("ada@example.com");
    server
        .pass_totp(&other_device.token, &code)
        .assert_json(400, wrong);
    server.assert_mfa_pending(&other_device);
}

#[test]
fn code_is_valid_once_under_concurrency() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let code = factor.app.code();
    let devices: Vec<_> = (0..8).map(|_| server.sign_in("ada@example.com")).collect();
    let responses = concurrently(8, |index| server.pass_totp(&devices[index].token, &code));
    let good: Vec<_> = (0..8).filter(|i| responses[*i].status == 200).collect();
    assert_eq!(good.len(), 1);
    for (index, response) in responses.into_iter().enumerate() {
        match response.status {
            200 => server.assert_mfa_passed(&TokenPair::from(&response)),
            // A correct code that is sent repeatedly does not count as wrong.
            _ => {
                response.assert_field_errors(&["code"]);
                server.assert_mfa_pending(&devices[index]);
            }
        }
    }
}

#[test]
fn code_that_confirmed_the_app_is_used_up() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let app = server.set_up_totp(&pair);
    let code = app.code();
    assert_eq!(server.confirm_totp(&pair.token, &code).status, 200);
    let pending = server.sign_in("ada@example.com");
    server
        .pass_totp(&pending.token, &code)
        .assert_field_errors(&["code"]);
}

#[test]
fn wrong_codes_are_throttled() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    for _ in 0..5 {
        let wrong = factor.app.wrong_code();
        server
            .pass_totp(&pending.token, &wrong)
            .assert_field_errors(&["code"]);
    }
    // A correct code of the app, a recovery code, and a code from another device.
    assert_throttled(server.pass_totp(&pending.token, &factor.app.code()));
    assert_throttled(server.pass_recovery(&pending.token, &factor.recovery_codes[0]));
    let other_device = server.sign_in("ada@example.com");
    assert_throttled(server.pass_totp(&other_device.token, &factor.app.code()));
    server.assert_mfa_pending(&pending);
    // Sessions that have passed MFA, and other users, are not affected.
    server.assert_mfa_passed(&factor.pair);
    let grace = server.sign_up("grace@example.com");
    let grace = server.enable_totp(&grace);
    let half_grace = server.sign_in("grace@example.com");
    assert_eq!(
        server
            .pass_totp(&half_grace.token, &grace.app.code())
            .status,
        200
    );
    // End the delay.
    server
        .database()
        .execute("UPDATE second_factors SET blocked_until = '2020-01-01T00:00:00.000Z'");
    let code = server.pass_recovery(&pending.token, &factor.recovery_codes[0]);
    assert_eq!(code.status, 200, "{code}");
}

#[test]
fn concurrent_wrong_codes_are_all_counted() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    let wrong = factor.app.wrong_code();
    let responses = concurrently(16, |index| match index % 2 {
        0 => server.pass_totp(&pending.token, &wrong),
        _ => server.pass_recovery(&pending.token, "00000-00000-00000"),
    });
    let count = |status| responses.iter().filter(|a| a.status == status).count();
    assert_eq!((count(400), count(429)), (5, 11));
}

#[test]
fn correct_code_resets_the_count_of_wrong_ones() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    for round in 0..2 {
        for _ in 0..4 {
            let wrong = factor.app.wrong_code();
            server
                .pass_totp(&pending.token, &wrong)
                .assert_field_errors(&["code"]);
        }
        let right = server.pass_recovery(&pending.token, &factor.recovery_codes[round]);
        assert_eq!(right.status, 200, "{right}");
    }
}

#[test]
fn requires_a_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .pass_totp(&pair.token, "123456")
        .assert_error(403, "permission_denied");
    let app = server.set_up_totp(&pair);
    server
        .pass_totp(&pair.token, &app.code())
        .assert_error(403, "permission_denied");
    server
        .pass_totp(&pair.refresh_token, &app.code())
        .assert_error(401, "token_invalid");
    server
        .post(PATH)
        .json(json!({"code": app.code()}))
        .send()
        .assert_error(401, "not_authenticated");
    server.assert_valid(&pair);
}

#[test]
fn rejects_malformed_codes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server
        .post(PATH)
        .token(&pending.token)
        .send()
        .assert_json(400, json!({"code": ["This field is required."]}));
    let code = factor.app.code();
    let longer = format!("{code}0");
    for wrong in [&longer, &code[1..], "' OR '1'='1"] {
        server
            .pass_totp(&pending.token, wrong)
            .assert_field_errors(&["code"]);
    }
    // A recovery code is not a code of the app.
    server
        .pass_totp(&pending.token, &factor.recovery_codes[0])
        .assert_field_errors(&["code"]);
    assert_eq!(server.pass_totp(&pending.token, &code).status, 200);
}

/// A signed-out device can't pass MFA, and does not use up the code.
#[test]
fn rejects_a_code_from_an_ended_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&pending.token)
        .send()
        .assert_no_content();
    let code = factor.app.code();
    server
        .pass_totp(&pending.token, &code)
        .assert_error(401, "token_invalid");
    let pending = server.sign_in("ada@example.com");
    assert_eq!(server.pass_totp(&pending.token, &code).status, 200);
}
