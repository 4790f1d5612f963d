//! `/api/totp/create`.

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{
    Authenticator, OTHER_PASSWORD, PASSWORD, Server, TokenPair, concurrently, text_of,
};

const PATH: &str = "/api/totp/create";

#[test]
fn returns_what_an_authenticator_app_needs() {
    let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "https://accounts.example")]);
    let pair = server.sign_up_verified("ada@example.com");
    let response = server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    assert_eq!(response.status, 201, "{response}");
    let body = response.json();
    assert_eq!(body.as_object().unwrap().len(), 3, "{response}");
    let secret = text_of(&body, "secret");
    // 160 bits, as RFC 4226 recommends, in Base32 without padding.
    assert_eq!(secret.len(), 32, "{secret}");
    assert!(
        secret
            .bytes()
            .all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)),
        "{secret}"
    );
    let url = url::Url::parse(&text_of(&body, "otpauth_url")).unwrap();
    assert_eq!((url.scheme(), url.host_str()), ("otpauth", Some("totp")));
    assert_eq!(url.path(), "/accounts.example:ada%40example.com");
    let fields: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!(
        fields,
        [
            ("secret".to_owned(), secret),
            ("issuer".to_owned(), "accounts.example".to_owned())
        ]
    );
    assert!(text_of(&body, "qr_svg").starts_with("<svg "), "{response}");
}

#[test]
fn changes_nothing_yet() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server.take_all_emails();
    server.set_up_totp(&pair);
    assert_eq!(server.view(&pair.token).json()["otp_enabled"], false);
    server.assert_valid(&pair);
    server.assert_valid(&server.sign_in("ada@example.com"));
    server.assert_emails(&[]);
}

/// The same session gets the same secret for a while; another session gets a new one.
#[test]
fn returns_a_new_secret_to_each_session() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let secret = |pair: &TokenPair| {
        let body = json!({"current_password": PASSWORD});
        let response = server.post(PATH).token(&pair.token).json(body).send();
        text_of(&response.json(), "secret")
    };
    let responses = concurrently(4, |_| secret(&pair));
    assert_eq!(BTreeSet::from_iter(responses).len(), 1);
    let first = Authenticator::new(secret(&pair));
    let other = server.sign_in("ada@example.com");
    let second = Authenticator::new(secret(&other));
    server
        .confirm_totp(&pair.token, &first.code())
        .assert_field_errors(&["code"]);
    assert_eq!(
        server.confirm_totp(&other.token, &second.code()).status,
        200
    );
}

#[test]
fn requires_the_current_password() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    let create = |body| server.post(PATH).token(&pair.token).json(body).send();
    create(json!({})).assert_json(
        400,
        json!({"current_password": ["This field is required."]}),
    );
    create(json!({"current_password": OTHER_PASSWORD})).assert_field_errors(&["current_password"]);
    server
        .post(PATH)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_error(401, "not_authenticated");
    assert_eq!(server.database().count("second_factors", "true"), 0);
}

#[test]
fn requires_a_verified_email_address() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let create = || {
        server
            .post("/api/totp/create")
            .token(&pair.token)
            .json(json!({"current_password": PASSWORD}))
            .send()
    };
    create().assert_json(
        403,
        json!({"detail": "Confirm your email address first.", "code": "email_unverified"}),
    );
    let token = server.activation_token("ada@example.com");
    server.activate(&token).assert_no_content();
    assert_eq!(create().status, 201);
}
