//! `/api/recovery/login`.

use serde_json::json;

use crate::support::{Server, TokenPair, concurrently, email::RECOVERY_CODE_USED};

const PATH: &str = "/api/recovery/login";

#[test]
fn passes_mfa_and_uses_up_the_code() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    let pending = server.sign_in("ada@example.com");
    let code = &factor.recovery_codes[3];
    let response = server.pass_recovery(&pending.token, code).assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    server.assert_mfa_passed(&TokenPair::from(&response));
    assert_eq!(server.database().count("recovery_codes", "true"), 9);
    let email = server.take_email("ada@example.com", RECOVERY_CODE_USED);
    assert!(
        email
            .assert_no_link()
            .text
            .contains("You have 9 recovery codes left."),
        "{email:?}"
    );
    server.assert_emails(&[]);

    let pending = server.sign_in("ada@example.com");
    server.pass_recovery(&pending.token, code).assert_json(
        400,
        json!({"code": ["Incorrect code, or it was already used."]}),
    );
    server.assert_mfa_pending(&pending);
}

#[test]
fn each_code_is_valid_once() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    for code in &factor.recovery_codes {
        let pending = server.sign_in("ada@example.com");
        let response = server.pass_recovery(&pending.token, code);
        server.assert_mfa_passed(&TokenPair::from(&response));
    }
    let pending = server.sign_in("ada@example.com");
    for code in &factor.recovery_codes[..2] {
        server
            .pass_recovery(&pending.token, code)
            .assert_field_errors(&["code"]);
    }
    let emails: Vec<_> = server
        .take_all_emails()
        .into_iter()
        .filter(|email| email.subject == RECOVERY_CODE_USED)
        .collect();
    assert_eq!(emails.len(), 10);
    let last = emails
        .iter()
        .filter(|email| email.text.contains("last one"));
    assert_eq!(last.count(), 1);
}

#[test]
fn code_is_valid_once_under_concurrency() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let code = &factor.recovery_codes[0];
    let devices: Vec<_> = (0..8).map(|_| server.sign_in("ada@example.com")).collect();
    let responses = concurrently(8, |index| server.pass_recovery(&devices[index].token, code));
    let good = responses
        .iter()
        .filter(|response| response.status == 200)
        .count();
    assert_eq!(good, 1);
    for response in responses {
        assert!([200, 400, 429].contains(&response.status), "{response}");
    }
    assert_eq!(server.database().count("recovery_codes", "true"), 9);
}

#[test]
fn accepts_a_code_with_spaces_and_in_any_case() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let codes = server.enable_totp(&pair).recovery_codes;
    let pending = server.sign_in("ada@example.com");
    for written in [
        codes[0].to_uppercase(),
        codes[1].replace('-', ""),
        codes[2].replace('-', " "),
        format!("  {}\n", codes[3]),
        codes[4].replace('1', "l").replace('0', "O"),
    ] {
        let response = server.pass_recovery(&pending.token, &written);
        assert_eq!(response.status, 200, "{written}: {response}");
    }
}

#[test]
fn rejects_the_code_of_another_user() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    server.enable_totp(&ada);
    let grace = server.sign_up("grace@example.com");
    let grace = server.enable_totp(&grace);
    let pending = server.sign_in("ada@example.com");
    server
        .pass_recovery(&pending.token, &grace.recovery_codes[0])
        .assert_field_errors(&["code"]);
    assert_eq!(server.database().count("recovery_codes", "true"), 20);
}

#[test]
fn rejects_malformed_codes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .pass_recovery(&pair.token, "00000-00000-00000")
        .assert_error(403, "permission_denied");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server
        .post(PATH)
        .token(&pending.token)
        .send()
        .assert_json(400, json!({"code": ["This field is required."]}));
    let code = &factor.recovery_codes[0];
    for wrong in [&code[1..], &format!("{code}0"), &factor.app.code()] {
        server
            .pass_recovery(&pending.token, wrong)
            .assert_field_errors(&["code"]);
    }
    server
        .post(PATH)
        .json(json!({"code": code}))
        .send()
        .assert_error(401, "not_authenticated");
    server
        .pass_recovery(&pending.refresh_token, code)
        .assert_error(401, "token_invalid");
    assert_eq!(server.pass_recovery(&pending.token, code).status, 200);
}
