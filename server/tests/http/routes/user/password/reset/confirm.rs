//! `/api/user/password/reset/confirm`.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, concurrently, email::PASSWORD_CHANGED,
};

const PATH: &str = "/api/user/password/reset/confirm";

fn ask(server: &Server, email: &str) -> String {
    server
        .post("/api/user/password/reset")
        .json(json!({"email": email}))
        .send()
        .assert_no_content();
    server.reset_token(email)
}

fn confirm(server: &Server, token: &str, password: &str) -> Response {
    server
        .post(PATH)
        .json(json!({"token": token, "new_password": password}))
        .send()
}

#[test]
fn sets_the_password_and_ends_every_session() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    let token = ask(&server, "ada@example.com");
    server.take_all_emails();
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();

    server.assert_revoked(&pair);
    server.assert_revoked(&other_device);
    server.assert_valid(&grace);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    let again = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    // Opening the link verifies the email address.
    assert_eq!(server.view(&again.token).json()["email_verified"], true);
    server
        .take_email("ada@example.com", PASSWORD_CHANGED)
        .assert_no_link();
    server.assert_emails(&[]);
}

#[test]
fn works_once() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    let responses = concurrently(8, |index| {
        confirm(&server, &token, &format!("another-password-{index}"))
    });
    let winners: Vec<_> = (0..8).filter(|i| responses[*i].status == 204).collect();
    assert_eq!(winners.len(), 1);
    for response in responses {
        if response.status != 204 {
            response.assert_field_errors(&["token"]);
        }
    }
    confirm(&server, &token, OTHER_PASSWORD).assert_field_errors(&["token"]);
    let password = format!("another-password-{}", winners[0]);
    let pair = TokenPair::from(&server.try_sign_in("ada@example.com", &password));
    server.assert_valid(&pair);
}

#[test]
fn unacceptable_password_does_not_use_up_the_link() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = ask(&server, "ada@example.com");
    for bad in ["short", "iloveyou", "ada@example.com", &"x".repeat(129)] {
        confirm(&server, &token, bad).assert_field_errors(&["new_password"]);
    }
    server
        .post(PATH)
        .json(json!({"token": token}))
        .send()
        .assert_json(400, json!({"new_password": ["This field is required."]}));
    server.assert_valid(&pair);
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();
}

#[test]
fn reports_all_errors() {
    let server = Server::start();
    let required = "This field is required.";
    server.post(PATH).send().assert_json(
        400,
        json!({"token": [required], "new_password": [required]}),
    );
    confirm(&server, "garbage", "short").assert_field_errors(&["new_password", "token"]);
    confirm(&server, "garbage", OTHER_PASSWORD).assert_field_errors(&["token"]);
}

#[test]
fn rejects_a_token_for_another_purpose() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    server
        .post("/api/user/email/change")
        .token(&pair.token)
        .json(json!({"new_email": "new@example.com", "current_password": PASSWORD}))
        .send()
        .assert_no_content();
    let email = server.email_token("new@example.com");
    for token in [&activation, &email, &pair.token] {
        confirm(&server, token, OTHER_PASSWORD).assert_field_errors(&["token"]);
    }
    server.sign_in("ada@example.com");
}

#[test]
fn invalidates_all_other_links() {
    let server = Server::start();
    server.register("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();
    // The address is verified now, which is all that the link would do.
    server.activate(&activation).assert_no_content();
    let unused = server.database().count("mailed_tokens", "used_at IS NULL");
    assert_eq!(unused, 0);
}

#[test]
fn does_not_bypass_two_factor_authentication() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();
    server.assert_revoked(&factor.pair);
    let pending = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_mfa_pending(&pending);
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    server.assert_mfa_passed(&passed);
    // The recovery codes are still valid, too.
    let pending = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    let code = &factor.recovery_codes[0];
    let passed = TokenPair::from(&server.pass_recovery(&pending.token, code));
    server.assert_mfa_passed(&passed);
}

#[test]
fn activates_an_account_whose_email_is_not_verified() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();
    let pair = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_valid(&pair);
}

/// Someone has registered with the address of someone else, and set up an authenticator app.
#[test]
fn first_proof_of_the_address_removes_what_was_set_up_before() {
    let server = Server::start();
    let attacker = server.sign_up("victim@example.com");
    let pair = server.enable_totp(&attacker).pair;
    // As an earlier version allowed.
    server
        .database()
        .execute("UPDATE users SET email_verified = false");
    let token = ask(&server, "victim@example.com");
    confirm(&server, &token, OTHER_PASSWORD).assert_no_content();
    server.assert_revoked(&pair);
    let owner = TokenPair::from(&server.try_sign_in("victim@example.com", OTHER_PASSWORD));
    server.assert_valid(&owner);
    assert_eq!(server.view(&owner.token).json()["otp_enabled"], false);
}

#[test]
fn takes_the_code_of_the_email() {
    let server = Server::start();
    server.register("ada@example.com");
    server.reset("ada@example.com").assert_no_content();
    let code = server
        .take_email("ada@example.com", crate::support::email::RESET)
        .code();
    let confirm = |email: &str, code: &str| {
        server
            .post(PATH)
            .json(json!({"email": email, "code": code, "new_password": OTHER_PASSWORD}))
            .send()
    };
    let wrong = confirm("ada@example.com", "1234 5678").assert_field_errors(&["code"]);
    let unknown = confirm("nobody@example.com", "1234 5678").assert_field_errors(&["code"]);
    assert_eq!(wrong.json(), unknown.json());
    confirm("ada@example.com", "").assert_field_errors(&["code"]);
    confirm("", &code).assert_field_errors(&["email"]);
    confirm("ADA@example.com", &code).assert_no_content();
    confirm("ada@example.com", &code).assert_field_errors(&["token"]);
    let pair = TokenPair::from(&server.try_sign_in("ada@example.com", OTHER_PASSWORD));
    server.assert_valid(&pair);
}

#[test]
fn does_not_activate_an_account_deactivated_in_the_database() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = ask(&server, "ada@example.com");
    server
        .database()
        .execute("UPDATE users SET is_active = false");
    confirm(&server, &token, OTHER_PASSWORD);
    server
        .try_sign_in("ada@example.com", OTHER_PASSWORD)
        .assert_error(403, "inactive_account");
}
