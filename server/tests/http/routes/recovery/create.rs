//! `/api/recovery/create`.

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server, concurrently, email::NEW_RECOVERY_CODES,
    recovery_codes,
};

const PATH: &str = "/api/recovery/create";

fn create(server: &Server, token: &str) -> Response {
    server
        .post(PATH)
        .token(token)
        .json(json!({"current_password": PASSWORD}))
        .send()
}

#[test]
fn creates_new_codes_and_invalidates_the_earlier_ones() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    server.take_all_emails();
    let response = create(&server, &factor.pair.token);
    let codes = recovery_codes(&response);
    response.assert_json(201, json!({"recovery_codes": codes}));
    server
        .take_email("ada@example.com", NEW_RECOVERY_CODES)
        .assert_no_link();
    let pending = server.sign_in("ada@example.com");
    server
        .pass_recovery(&pending.token, &factor.recovery_codes[0])
        .assert_field_errors(&["code"]);
    assert_eq!(server.pass_recovery(&pending.token, &codes[0]).status, 200);
    server.assert_mfa_passed(&factor.pair);
}

#[test]
fn concurrent_requests_leave_ten_valid_codes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let responses = concurrently(6, |_| create(&server, &factor.pair.token));
    let all: Vec<_> = responses.iter().map(recovery_codes).collect();
    assert_eq!(server.database().count("recovery_codes", "true"), 10);
    let pending = server.sign_in("ada@example.com");
    let good = all
        .iter()
        .filter(|codes| {
            server
                .database()
                .execute("UPDATE second_factors SET wrong_codes = 0, blocked_until = NULL");
            server.pass_recovery(&pending.token, &codes[0]).status == 200
        })
        .count();
    assert_eq!(good, 1);
}

#[test]
fn requires_the_current_password() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let post = |body| {
        server
            .post(PATH)
            .token(&factor.pair.token)
            .json(body)
            .send()
    };
    post(json!({})).assert_json(
        400,
        json!({"current_password": ["This field is required."]}),
    );
    post(json!({"current_password": OTHER_PASSWORD})).assert_field_errors(&["current_password"]);
    let pending = server.sign_in("ada@example.com");
    let code = &factor.recovery_codes[0];
    assert_eq!(server.pass_recovery(&pending.token, code).status, 200);
}

#[test]
fn requires_a_second_factor() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    create(&server, &pair.token).assert_error(403, "permission_denied");
    server.set_up_totp(&pair);
    create(&server, &pair.token).assert_error(403, "permission_denied");
    assert_eq!(server.database().count("recovery_codes", "true"), 0);
}
