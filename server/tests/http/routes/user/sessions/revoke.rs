//! `/api/user/sessions/revoke`.

use serde_json::json;

use crate::support::{Response, Server, TokenPair, jwt, text_of};

const PATH: &str = "/api/user/sessions/revoke";

fn session_of(pair: &TokenPair) -> String {
    text_of(&jwt::claims(&pair.token), "sid")
}

fn revoke(server: &Server, pair: &TokenPair, id: &str) -> Response {
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"id": id}))
        .send()
}

#[test]
fn signs_out_another_device() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let phone = server.sign_in("ada@example.com");
    let laptop = server.sign_in("ada@example.com");
    revoke(&server, &pair, &session_of(&phone)).assert_no_content();
    server
        .post(PATH)
        .token(&pair.token)
        .form(&[("id", &session_of(&laptop))])
        .send()
        .assert_no_content();

    server.assert_revoked(&phone);
    server.assert_revoked(&laptop);
    let sessions = server.get("/api/user/sessions").token(&pair.token).send();
    assert_eq!(
        sessions.json().as_array().map(Vec::len),
        Some(1),
        "{sessions}"
    );
    server.assert_valid(&pair);
}

#[test]
fn can_sign_out_this_device() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    revoke(&server, &pair, &session_of(&pair)).assert_no_content();
    server.assert_revoked(&pair);
}

#[test]
fn finds_only_sessions_of_the_user() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    revoke(&server, &ada, &session_of(&grace)).assert_error(404, "not_found");
    server.assert_valid(&grace);
}

#[test]
fn returns_404_for_an_unknown_session() {
    let server = Server::start();
    let user = server.register("ada@example.com");
    let pair = server.sign_in("ada@example.com");
    let gone = server.sign_in("ada@example.com");
    revoke(&server, &pair, &session_of(&gone)).assert_no_content();
    for id in [
        session_of(&gone).as_str(),
        &user.id,
        "00000000-0000-0000-0000-000000000000",
        "01234567-89ab-4def-8123-456789abcdef",
        "1",
        "not-an-id",
        "%",
        "' OR '1'='1",
        "\u{0}",
        &"9".repeat(9000),
    ] {
        revoke(&server, &pair, id).assert_error(404, "not_found");
    }
    server.assert_valid(&pair);
}

#[test]
fn requires_the_id() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let required = json!({"id": ["This field is required."]});
    for body in [json!({}), json!({"id": null}), json!({"id": ""})] {
        server
            .post(PATH)
            .token(&pair.token)
            .json(body)
            .send()
            .assert_json(400, required.clone());
    }
    server
        .post(PATH)
        .token(&pair.token)
        .send()
        .assert_json(400, required);
    for value in [json!(1), json!([session_of(&pair)]), json!({})] {
        server
            .post(PATH)
            .token(&pair.token)
            .json(json!({"id": value}))
            .send()
            .assert_json(400, json!({"id": ["This must be text."]}));
    }
    server.assert_valid(&pair);
}

#[test]
fn requires_an_access_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let body = json!({"id": session_of(&pair)});
    server
        .post(PATH)
        .json(body.clone())
        .send()
        .assert_error(401, "not_authenticated");
    server
        .post(PATH)
        .token(&pair.refresh_token)
        .json(body)
        .send()
        .assert_error(401, "token_invalid");
    server.assert_valid(&pair);
}
