//! `/api/user/logout`.

use crate::support::{Server, TokenPair};

const PATH: &str = "/api/user/logout";

#[test]
fn ends_this_session_and_no_other() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_no_content();

    server.assert_revoked(&pair);
    server.assert_valid(&other_device);
    server.assert_valid(&grace);
}

#[test]
fn ends_every_token_of_the_session() {
    let server = Server::start();
    let first = server.sign_up("ada@example.com");
    let second = TokenPair::from(&server.refresh(&first.refresh_token));
    let third = TokenPair::from(&server.refresh(&second.refresh_token));
    server
        .post(PATH)
        .token(&first.token)
        .send()
        .assert_no_content();
    for pair in [&first, &second, &third] {
        server.assert_revoked(pair);
    }
}

#[test]
fn accepts_any_body_of_a_supported_type() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .post(PATH)
        .header("authorization", format!("JWT {}", pair.token))
        .json(serde_json::json!({"unknown": "field"}))
        .send()
        .assert_no_content();
    server.assert_revoked(&pair);
}

#[test]
fn cannot_be_done_twice() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_no_content();
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_error(401, "token_invalid");
}

#[test]
fn requires_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
