//! `/api/user/activation/resend`.

use serde_json::json;

use crate::support::{PASSWORD, Response, Server, email::CONFIRM_ADDRESS};

const PATH: &str = "/api/user/activation/resend";

fn resend(server: &Server, email: &str) -> Response {
    server.post(PATH).json(json!({"email": email})).send()
}

#[test]
fn sends_another_link() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("Ada@example.com");
    let first = server.activation_token("Ada@example.com");
    resend(&server, " ada@EXAMPLE.com ").assert_no_content();
    // Sent to the address as it is stored, not as it is spelled in the request.
    let second = server.activation_token("Ada@example.com");
    assert_ne!(first, second);
    // It is sent no more often than every two minutes.
    resend(&server, "ada@example.com").assert_no_content();
    server.assert_emails(&[]);
    server.activate(&second).assert_no_content();
    server.sign_in("ada@example.com");
    server.activate(&first).assert_field_errors(&["token"]);
}

#[test]
fn responds_alike_for_every_email_address() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server.activate(&token).assert_no_content();
    server.register("grace@example.com");
    server.take_all_emails();
    let response_of = |email: &str| {
        let response = resend(&server, email).assert_no_content();
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let known = response_of("grace@example.com");
    assert_eq!(response_of("ada@example.com"), known);
    assert_eq!(response_of("nobody@example.com"), known);
    server.assert_emails(&[("grace@example.com", CONFIRM_ADDRESS)]);
}

#[test]
fn requires_an_email_address() {
    let server = Server::start();
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"email": ["This field is required."]}));
    resend(&server, "ada").assert_json(400, json!({"email": ["Enter a valid email address."]}));
    server
        .post(PATH)
        .form(&[("email", "ada@example.com"), ("password", PASSWORD)])
        .send()
        .assert_no_content();
    server.assert_emails(&[]);
}
