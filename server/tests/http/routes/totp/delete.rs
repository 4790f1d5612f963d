//! `/api/totp/delete`.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, amr, email::OTP_DISABLED,
};

const PATH: &str = "/api/totp/delete";

fn delete(server: &Server, token: &str, password: &str) -> Response {
    server
        .post(PATH)
        .token(token)
        .json(json!({"current_password": password}))
        .send()
}

#[test]
fn disables_two_factor_authentication_and_ends_every_other_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    server.take_all_emails();
    let response = delete(&server, &factor.pair.token, PASSWORD).assert_json(
        200,
        json!({
            "token": "<jwt>",
            "refresh_token": "<jwt>",
            "token_type": "Bearer",
            "expires_in": 900,
        }),
    );
    let pair = TokenPair::from(&response);
    assert_eq!(amr(&pair.token), json!(["pwd"]));
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    server.assert_valid(&pair);
    server.assert_revoked(&pending);
    server.assert_revoked(&factor.pair);
    server.assert_valid(&server.sign_in("ada@example.com"));
    assert_eq!(server.database().count("recovery_codes", "true"), 0);
    let seeds = "seed IS NOT NULL OR new_seed IS NOT NULL";
    assert_eq!(server.database().count("second_factors", seeds), 0);
    server
        .take_email("ada@example.com", OTP_DISABLED)
        .assert_no_link();
    server.assert_emails(&[]);

    // Codes that were valid are rejected now.
    let again = server.sign_in("ada@example.com");
    server
        .pass_totp(&again.token, &factor.app.code())
        .assert_error(403, "permission_denied");
    server
        .pass_recovery(&again.token, &factor.recovery_codes[0])
        .assert_error(403, "permission_denied");
}

#[test]
fn can_be_enabled_again() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pair = TokenPair::from(&delete(&server, &factor.pair.token, PASSWORD));
    server.database().execute("DELETE FROM used_totp_steps");
    let again = server.enable_totp(&pair);
    server.assert_mfa_passed(&again.pair);
    let pending = server.sign_in("ada@example.com");
    server.assert_mfa_pending(&pending);
    server
        .pass_recovery(&pending.token, &factor.recovery_codes[0])
        .assert_field_errors(&["code"]);
}

#[test]
fn requires_the_current_password() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    delete(&server, &factor.pair.token, OTHER_PASSWORD).assert_field_errors(&["current_password"]);
    server
        .post(PATH)
        .token(&factor.pair.token)
        .send()
        .assert_json(
            400,
            json!({"current_password": ["This field is required."]}),
        );
    server
        .post(PATH)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_error(401, "not_authenticated");
    server.assert_mfa_pending(&server.sign_in("ada@example.com"));
    server.assert_mfa_passed(&factor.pair);
}

#[test]
fn requires_a_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    delete(&server, &pair.token, PASSWORD).assert_error(403, "permission_denied");
    server.assert_valid(&pair);
}

/// Disabling and enabling the second factor does not reset the throttle.
#[test]
fn keeps_the_count_of_wrong_codes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    for _ in 0..4 {
        let wrong = factor.app.wrong_code();
        server
            .pass_totp(&factor.pair.token, &wrong)
            .assert_field_errors(&["code"]);
    }
    let pair = TokenPair::from(&delete(&server, &factor.pair.token, PASSWORD));
    let app = server.set_up_totp(&pair);
    server
        .confirm_totp(&pair.token, &app.wrong_code())
        .assert_field_errors(&["code"]);
    server
        .confirm_totp(&pair.token, &app.code())
        .assert_error(429, "throttled");
}
