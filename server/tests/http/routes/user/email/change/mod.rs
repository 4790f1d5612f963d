//! `/api/user/email/change`.

mod confirm;
mod undo;

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, PASSWORD, Response, Server,
    email::{ALREADY_REGISTERED, CONFIRM_NEW_ADDRESS, EMAIL_ABOUT_TO_CHANGE},
};

const PATH: &str = "/api/user/email/change";

fn change(server: &Server, token: &str, email: &str) -> Response {
    server
        .post(PATH)
        .token(token)
        .json(json!({"new_email": email, "current_password": PASSWORD}))
        .send()
}

#[test]
fn emails_a_link_to_the_new_address_and_a_notice_to_the_old_one() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server.take_all_emails();
    change(&server, &pair.token, " Ada@NEW.example ").assert_no_content();
    let link = server.take_email("Ada@new.example", CONFIRM_NEW_ADDRESS);
    link.token(&format!("{}/email", server.url()));
    let notice = server.take_email("ada@example.com", EMAIL_ABOUT_TO_CHANGE);
    notice.assert_no_link();
    assert!(notice.text.contains("Ada@new.example"), "{notice:?}");
    server.assert_emails(&[]);
    // Until the link is opened, nothing changes.
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
    server.assert_valid(&pair);
    server
        .try_sign_in("ada@new.example", PASSWORD)
        .assert_error(401, "invalid_credentials");
}

#[test]
fn reports_all_errors() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server.register("grace@example.com");
    server.take_all_emails();
    let required = "This field is required.";
    server.post(PATH).token(&pair.token).send().assert_json(
        400,
        json!({"current_password": [required], "new_email": [required]}),
    );
    change(&server, &pair.token, "ada").assert_field_errors(&["new_email"]);
    change(&server, &pair.token, "GRACE@example.com").assert_json(
        400,
        json!({"new_email": ["A user with that email already exists."]}),
    );
    let wrong_password = server
        .post(PATH)
        .token(&pair.token)
        .form(&[
            ("new_email", "new@example.com"),
            ("current_password", OTHER_PASSWORD),
        ])
        .send();
    wrong_password.assert_field_errors(&["current_password"]);
    // Clients that do not know the password can't find out which accounts exist.
    server
        .post(PATH)
        .token(&pair.token)
        .json(json!({"new_email": "grace@example.com", "current_password": OTHER_PASSWORD}))
        .send()
        .assert_field_errors(&["current_password"]);
    server
        .post(PATH)
        .json(json!({"new_email": "new@example.com", "current_password": PASSWORD}))
        .send()
        .assert_error(401, "not_authenticated");
    server.assert_emails(&[]);
    assert_eq!(
        server
            .database()
            .count("mailed_tokens", "purpose = 'email'"),
        0
    );
}

#[test]
fn requires_a_verified_email_address() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.take_all_emails();
    change(&server, &pair.token, "new@example.com").assert_error(403, "email_unverified");
    // Authorization comes before the fields.
    change(&server, &pair.token, "ada").assert_error(403, "email_unverified");
    server.assert_emails(&[]);
    server.verify_users();
    change(&server, &pair.token, "new@example.com").assert_no_content();
}

#[test]
fn sends_few_emails_to_a_new_address() {
    let server = Server::start();
    let ada = server.sign_up_verified("ada@example.com");
    let eve = server.sign_up_verified("eve@example.com");
    server.take_all_emails();
    for pair in [&ada, &eve, &ada, &eve] {
        change(&server, &pair.token, "victim@example.com").assert_no_content();
    }
    server.assert_emails(&[
        ("ada@example.com", EMAIL_ABOUT_TO_CHANGE),
        ("victim@example.com", CONFIRM_NEW_ADDRESS),
    ]);
}

/// Where registration does not reveal which accounts exist, this endpoint does not either.
#[test]
fn does_not_reveal_accounts_where_activation_is_required() {
    let env = crate::support::TestEnv::new();
    let server = env.start(&[]);
    server.register("grace@example.com");
    let pair = server.sign_up_verified("ada@example.com");
    server.take_all_emails();
    drop(server);
    let server = env.start(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    change(&server, &pair.token, "grace@example.com").assert_no_content();
    // The emails that the client receives must not reveal it either.
    server.assert_emails(&[
        ("ada@example.com", EMAIL_ABOUT_TO_CHANGE),
        ("grace@example.com", ALREADY_REGISTERED),
    ]);
    assert_eq!(server.view(&pair.token).json()["email"], "ada@example.com");
}

#[test]
fn accepts_the_own_email_address_in_another_case() {
    let server = Server::start();
    let pair = server.sign_up_verified("ada@example.com");
    server.take_all_emails();
    change(&server, &pair.token, "ADA@example.com").assert_no_content();
    let token = server.email_token("ADA@example.com");
    server
        .post("/api/user/email/change/confirm")
        .json(json!({"token": token, "password": PASSWORD}))
        .send()
        .assert_no_content();
    assert_eq!(server.view(&pair.token).json()["email"], "ADA@example.com");
    server.sign_in("ada@example.com");
    assert_eq!(server.database().count("users", "true"), 1);
}
