//! `/api/user/delete`.

use serde_json::json;

use crate::support::{OTHER_PASSWORD, PASSWORD, Server, email::ACCOUNT_DELETED};

const PATH: &str = "/api/user/delete";

#[test]
fn deletes_the_account_and_ends_all_its_sessions() {
    let server = Server::start();
    let user = server.register("ada@example.com");
    let pair = server.sign_in("ada@example.com");
    let other_device = server.sign_in("ada@example.com");
    let grace = server.sign_up("grace@example.com");
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send()
        .assert_no_content();

    server.assert_revoked(&pair);
    server.assert_revoked(&other_device);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    server.assert_valid(&grace);

    // The email address is free again, and the new account is a different one.
    assert_ne!(server.register("ada@example.com").id, user.id);
    server.assert_revoked(&pair);
}

#[test]
fn notifies_a_verified_email_address() {
    let server = Server::start();
    for (email, expected) in [
        (
            "ada@example.com",
            &[("ada@example.com", ACCOUNT_DELETED)][..],
        ),
        ("grace@example.com", &[]),
    ] {
        let pair = server.sign_up(email);
        if email.starts_with("ada") {
            server.verify_users();
        }
        server.take_all_emails();
        server
            .post(PATH)
            .token(&pair.token)
            .json(json!({"current_password": PASSWORD}))
            .send()
            .assert_no_content();
        server.assert_emails(expected);
    }
}

#[test]
fn accepts_a_form() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server
        .post(PATH)
        .token(&pair.token)
        .form(&[("current_password", PASSWORD)])
        .send()
        .assert_no_content();
    server.assert_revoked(&pair);
}

#[test]
fn requires_the_current_password() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let delete = |body| server.post(PATH).token(&pair.token).json(body).send();

    let required = json!({"current_password": ["This field is required."]});
    delete(json!({})).assert_json(400, required.clone());
    delete(json!({"current_password": null})).assert_json(400, required.clone());
    delete(json!({"current_password": ""})).assert_json(400, required.clone());
    delete(json!({"password": PASSWORD})).assert_json(400, required);
    delete(json!({"current_password": 92}))
        .assert_json(400, json!({"current_password": ["This must be text."]}));
    let padded = format!(" {PASSWORD} ");
    for wrong in [OTHER_PASSWORD, "x", &padded, &"x".repeat(8000)] {
        delete(json!({"current_password": wrong})).assert_field_errors(&["current_password"]);
    }
    server.assert_valid(&pair);
}

#[test]
fn rejects_the_password_of_another_user() {
    let server = Server::start();
    let ada = server.sign_up("ada@example.com");
    server
        .post("/api/user/create")
        .json(json!({"email": "grace@example.com", "password": OTHER_PASSWORD}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "grace@example.com"}));
    server
        .post(PATH)
        .token(&ada.token)
        .json(json!({"current_password": OTHER_PASSWORD}))
        .send()
        .assert_field_errors(&["current_password"]);
    server.assert_valid(&ada);
}

#[test]
fn requires_an_access_token() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let right = json!({"current_password": PASSWORD});
    server
        .post(PATH)
        .json(right.clone())
        .send()
        .assert_error(401, "not_authenticated");
    server
        .post(PATH)
        .token(&pair.refresh_token)
        .json(right)
        .send()
        .assert_error(401, "token_invalid");
    server.assert_valid(&pair);
}
