//! A token with MFA pending is accepted only where the API contract allows it.

use serde_json::json;

use crate::support::{ENDPOINTS, PASSWORD, RequiredToken, Response, Server, TokenPair, amr};

/// Sends valid values for all fields, so that only the token can be the reason for a rejection.
pub fn call(server: &Server, method: &str, path: &str, token: &str, scheme: &str) -> Response {
    let call = server
        .request(method, path)
        .header("authorization", format!("{scheme} {token}"));
    match method {
        "GET" => call,
        _ => call.json(json!({
            "email": "ada@example.com",
            "new_email": "new@example.com",
            "password": PASSWORD,
            "current_password": PASSWORD,
            "new_password": "another-password-5",
            "code": "not a code",
            "token": token,
            "refresh_token": token,
            "id": "00000000-0000-4000-8000-000000000000",
        })),
    }
    .send()
}

#[test]
fn other_endpoints_require_two_factor_authentication() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    // From a new sign-in, and from before two-factor authentication was enabled.
    for pending in [&server.sign_in("ada@example.com"), &pair] {
        for endpoint in ENDPOINTS {
            let required = [
                RequiredToken::Access,
                RequiredToken::Enrolling,
                RequiredToken::Administrator,
            ];
            if !required.contains(&endpoint.required_token) {
                continue;
            }
            for (path, scheme) in [
                (endpoint.path.to_owned(), "Bearer"),
                (format!("{}/", endpoint.path), "JWT"),
            ] {
                call(&server, endpoint.method, &path, &pending.token, scheme).assert_json(
                    403,
                    json!({
                        "detail": "Two-factor authentication is required.",
                        "code": "otp_required",
                    }),
                );
            }
        }
    }
    // Nothing has changed.
    server.assert_emails(&[]);
    server.assert_mfa_passed(&factor.pair);
    server.sign_in("ada@example.com");
    assert_eq!(server.database().count("recovery_codes", "true"), 10);
    assert_eq!(
        server
            .database()
            .count("second_factors", "new_seed IS NOT NULL"),
        0
    );
}

#[test]
fn login_and_logout_endpoints_accept_a_pending_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.enable_totp(&pair);
    let mut open = Vec::new();
    for endpoint in ENDPOINTS {
        if endpoint.required_token != RequiredToken::MfaPending {
            continue;
        }
        let pending = server.sign_in("ada@example.com");
        let response = call(
            &server,
            endpoint.method,
            endpoint.path,
            &pending.token,
            "Bearer",
        );
        open.push((endpoint.path, response.status));
        match endpoint.path {
            "/api/user/logout" => server.assert_revoked(&pending),
            _ => {
                response.assert_field_errors(&["code"]);
            }
        }
    }
    assert_eq!(
        open,
        [
            ("/api/user/logout", 204),
            ("/api/totp/login", 400),
            ("/api/recovery/login", 400),
        ]
    );
}

#[test]
fn verify_rejects_a_pending_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert_eq!(server.verify(&pair.token).status, 200);
    let factor = server.enable_totp(&pair);
    server.verify(&pair.token).assert_error(403, "otp_required");
    let pending = server.sign_in("ada@example.com");
    server
        .verify(&pending.token)
        .assert_error(403, "otp_required");
    let claims = server.verify(&factor.pair.token);
    assert_eq!(claims.json()["amr"], json!(["pwd", "otp"]));
}

#[test]
fn pairs_say_whether_two_factor_authentication_is_required() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let login = server.try_sign_in("ada@example.com", PASSWORD);
    assert_eq!(login.json().get("otp_required"), None, "{login}");
    let factor = server.enable_totp(&pair);
    let login = server.try_sign_in("ada@example.com", PASSWORD);
    let refresh = server.refresh(&TokenPair::from(&login).refresh_token);
    for response in [&login, &refresh] {
        assert_eq!(response.json()["otp_required"], json!(true), "{response}");
    }
    // Another device that was signed in before.
    let before = server.refresh(&pair.refresh_token);
    assert_eq!(before.json()["otp_required"], json!(true), "{before}");
    let pending = TokenPair::from(&refresh);
    let passed = server.pass_totp(&pending.token, &factor.app.code());
    let renewed = server.refresh(&TokenPair::from(&passed).refresh_token);
    for response in [&passed, &renewed] {
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(response.json().get("otp_required"), None, "{response}");
    }
}

#[test]
fn refresh_keeps_a_token_pending() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let mut pending = server.sign_in("ada@example.com");
    for _ in 0..3 {
        pending = TokenPair::from(&server.refresh(&pending.refresh_token));
        server.assert_mfa_pending(&pending);
    }
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_passed(&passed);
}

/// A device that was signed in when another one enabled two-factor authentication.
#[test]
fn another_device_can_pass_mfa_and_continue() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let factor = server.enable_totp(&pair);
    let renewed = TokenPair::from(&server.refresh(&other_device.refresh_token));
    server.assert_mfa_pending(&renewed);
    let passed = TokenPair::from(&server.pass_totp(&renewed.token, &factor.app.code()));
    assert_eq!(amr(&passed.token), json!(["pwd", "otp"]));
    server.assert_mfa_passed(&passed);
}
