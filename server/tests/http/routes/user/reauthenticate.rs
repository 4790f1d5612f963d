//! `/api/user/reauthenticate`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server, TokenPair, amr, jwt};

const PATH: &str = "/api/user/reauthenticate";

fn again(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn renews_the_time_of_the_sign_in() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .database()
        .execute("UPDATE sessions SET created_at = '2026-01-01T00:00:00.000Z'");
    let pair = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_eq!(jwt::claims(&pair.token)["auth_time"], 1_767_225_600);
    again(&server, &pair.token, json!({})).assert_field_errors(&["current_password"]);
    again(&server, &pair.token, json!({"current_password": "wrong"}))
        .assert_field_errors(&["current_password"]);
    let response = again(&server, &pair.token, json!({"current_password": PASSWORD}));
    let renewed = TokenPair::from(&response);
    let claims = jwt::claims(&renewed.token);
    assert_eq!(claims["auth_time"], claims["iat"]);
    assert_eq!(claims["sid"], jwt::claims(&pair.token)["sid"]);
    server.assert_valid(&renewed);
    let next = TokenPair::from(&server.refresh(&renewed.refresh_token));
    assert_eq!(jwt::claims(&next.token)["auth_time"], claims["auth_time"]);
}

#[test]
fn takes_a_code_where_a_second_factor_is_on() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let token = &factor.pair.token;
    again(&server, token, json!({"current_password": PASSWORD})).assert_field_errors(&["code"]);
    let wrong = json!({"current_password": PASSWORD, "code": factor.app.wrong_code()});
    again(&server, token, wrong).assert_field_errors(&["code"]);
    let right = json!({"current_password": PASSWORD, "code": factor.app.code()});
    let renewed = TokenPair::from(&again(&server, token, right));
    assert_eq!(amr(&renewed.token), json!(["pwd", "otp"]));
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
