//! `/api/user/sessions/reject`.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server, TokenPair, concurrently};

const PATH: &str = "/api/user/sessions/reject";

fn reject(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

/// Signs in from a network that the account has not been used from, and takes the token of the emailed link.
fn sign_in_on_a_new_device(server: &Server) -> (TokenPair, String) {
    let mine = server.sign_up_verified("ada@example.com");
    server.assert_valid(&mine);
    server.take_all_emails();
    server
        .database()
        .execute("UPDATE audit_events SET ip = '192.0.2.7'");
    let response = server
        .post("/api/user/login")
        .header("user-agent", "Phone/2.0")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let email = server.take_email("ada@example.com", "New sign-in to your account");
    let token = email.token(&format!("{}/device", server.url()));
    (TokenPair::from(&response), token)
}

#[test]
fn signs_out_the_new_device() {
    let server = Server::start();
    let (phone, token) = sign_in_on_a_new_device(&server);
    let link = |used: bool| {
        let body = json!({
            "purpose": "session",
            "email": "ada@example.com",
            "new_email": null,
            "created_at": "<time>",
            "device": "Phone",
            "used": used,
        });
        server
            .post("/api/user/link")
            .json(json!({"token": token}))
            .send()
            .assert_json(200, body);
    };
    link(false);
    assert_eq!(server.view(&phone.token).status, 200);
    for response in concurrently(4, |_| reject(&server, &token)) {
        response.assert_no_content();
    }
    server.assert_revoked(&phone);
    link(true);
    reject(&server, &token).assert_no_content();
    let ada = server.sign_in("ada@example.com");
    server.assert_valid(&ada);
}

#[test]
fn needs_the_token_of_such_a_link() {
    let server = Server::start();
    server.sign_up("ada@example.com");
    let activation = server.activation_token("ada@example.com");
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"token": ["This field is required."]}));
    for token in ["garbage", &activation] {
        let message = "This link no longer works. It may have expired, been used, or been replaced \
            by a newer one.";
        reject(&server, token).assert_json(400, json!({"token": [message]}));
    }
}
