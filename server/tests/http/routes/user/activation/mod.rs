//! `/api/user/activation`.

mod resend;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    PASSWORD, Response, Server, concurrently,
    email::{ALREADY_REGISTERED, CONFIRM_ADDRESS},
};

const PATH: &str = "/api/user/activation";
const REQUIRED: (&str, &str) = ("LATCHKEY_REQUIRE_ACTIVATION", "true");

fn open(server: &Server, token: &str) -> Response {
    server.post(PATH).json(json!({"token": token})).send()
}

fn is_verified(server: &Server, token: &str) -> bool {
    server.view(token).json()["email_verified"] == true
}

#[test]
fn verifies_the_email_address() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    assert!(!is_verified(&server, &pair.token));
    let token = server.activation_token("ada@example.com");
    open(&server, &token).assert_no_content();
    assert!(is_verified(&server, &pair.token));
    server.assert_valid(&pair);
    server.assert_emails(&[]);
}

#[test]
fn accepts_a_form() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = server.activation_token("ada@example.com");
    let form = server.post(PATH).form(&[("token", &token)]).send();
    form.assert_no_content();
    assert!(is_verified(&server, &pair.token));
}

#[test]
fn states_what_the_email_states() {
    let server = Server::start_with(&[
        ("LATCHKEY_PUBLIC_URL", "https://accounts.example"),
        ("LATCHKEY_MAIL_FROM", "Ada's Shop <post@shop.example>"),
    ]);
    server.register("Ada@example.com");
    let email = server.take_email("Ada@example.com", CONFIRM_ADDRESS);
    assert_eq!(email.from, "post@shop.example");
    assert!(email.id.ends_with("@shop.example"), "{email:?}");
    let token = email.token("https://accounts.example/activate");
    open(&server, &token).assert_no_content();
}

#[test]
fn keeps_only_the_hash_of_the_token() {
    let server = Server::start();
    server.register("ada@example.com");
    server.wait_until_emails_are_sent();
    let token = server.activation_token("ada@example.com");
    assert_eq!(server.database().count("mailed_tokens", "true"), 1);
    let hash: String = Sha256::digest(&token)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(server.database().hex("mailed_tokens", "hash"), hash);
    assert_eq!(server.database().count("outbox", "true"), 0);
    assert!(!server.log().contains(&token));
}

#[test]
fn works_once() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    open(&server, &token).assert_no_content();
    open(&server, &token).assert_json(
        400,
        json!({"token": [
            "This link no longer works. It may have expired, been used, or been replaced by a newer one."
        ]}),
    );
}

#[test]
fn works_once_under_concurrency() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    let responses = concurrently(8, |_| open(&server, &token));
    let good = responses
        .iter()
        .filter(|response| response.status == 204)
        .count();
    assert_eq!(good, 1);
    for response in responses {
        if response.status != 204 {
            response.assert_field_errors(&["token"]);
        }
    }
}

#[test]
fn rejects_other_tokens() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_no_content();
    let reset = server.reset_token("ada@example.com");
    for wrong in [
        &reset,
        &pair.token,
        &pair.refresh_token,
        "x",
        " ",
        &token[1..],
        &format!("{token} "),
        &token.to_lowercase(),
        &"x".repeat(8000),
        "\u{0}",
        "' OR '1'='1",
    ] {
        open(&server, wrong).assert_field_errors(&["token"]);
    }
    let required = json!({"token": ["This field is required."]});
    server.post(PATH).send().assert_json(400, required.clone());
    server
        .post(PATH)
        .json(json!({"token": null}))
        .send()
        .assert_json(400, required);
    server
        .post(PATH)
        .json(json!({"token": 1}))
        .send()
        .assert_json(400, json!({"token": ["This must be text."]}));
    assert!(!is_verified(&server, &pair.token));
    // None of that has used up the token.
    open(&server, &token).assert_no_content();
}

#[test]
fn activates_a_pending_account() {
    let server = Server::start_with(&[REQUIRED]);
    server
        .post("/api/user/create")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    let sign_in = || server.try_sign_in("ada@example.com", PASSWORD);
    sign_in().assert_error(403, "inactive_account");
    server
        .try_sign_in("ada@example.com", "wrong-password-1")
        .assert_error(401, "invalid_credentials");
    let token = server.activation_token("ada@example.com");
    sign_in().assert_error(403, "inactive_account");
    open(&server, &token).assert_no_content();
    let pair = server.sign_in("ada@example.com");
    assert!(is_verified(&server, &pair.token));
}

#[test]
fn known_email_address_gets_the_same_response_as_a_new_one() {
    let server = Server::start_with(&[REQUIRED]);
    let ada = server.register("ada@example.com");
    open(&server, &server.activation_token("ada@example.com")).assert_no_content();
    let pair = server.sign_in("ada@example.com");
    let create = |email: &str, password: &str| {
        server
            .post("/api/user/create")
            .json(json!({"email": email, "password": password}))
            .send()
    };
    let names = |response: &Response| {
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let known = create("ADA@Example.COM", "another-password-5");
    let new = create("GRACE@Example.COM", "another-password-5");
    assert_eq!(names(&known), names(&new));
    assert_ne!(known.json()["id"], ada.id);
    known.assert_json(201, json!({"id": "<uuid>", "email": "ADA@example.com"}));
    new.assert_json(201, json!({"id": "<uuid>", "email": "GRACE@example.com"}));
    create("ada@example.com", "short").assert_field_errors(&["password"]);
    create("grace@example.com", "short").assert_field_errors(&["password"]);

    let email = server.take_email("ada@example.com", ALREADY_REGISTERED);
    email.assert_no_link();
    server.assert_emails(&[("GRACE@example.com", CONFIRM_ADDRESS)]);
    // Nothing has changed for the owner.
    server
        .try_sign_in("ada@example.com", "another-password-5")
        .assert_error(401, "invalid_credentials");
    server.assert_valid(&pair);
    assert_eq!(server.database().count("users", "true"), 2);
}

#[test]
fn registering_again_before_activation_sends_a_new_link() {
    let server = Server::start_with(&[REQUIRED]);
    server.register("ada@example.com");
    let first = server.activation_token("ada@example.com");
    server
        .post("/api/user/create")
        .json(json!({"email": "ada@example.com", "password": "another-password-5"}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    let second = server.activation_token("ada@example.com");
    open(&server, &first).assert_field_errors(&["token"]);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(403, "inactive_account");
    open(&server, &second).assert_no_content();
    // The account has the password of the first registration.
    server
        .try_sign_in("ada@example.com", "another-password-5")
        .assert_error(401, "invalid_credentials");
    server.sign_in("ada@example.com");
}

#[test]
fn does_not_activate_an_account_deactivated_by_an_operator() {
    for settings in [&[][..], &[REQUIRED]] {
        let server = Server::start_with(settings);
        server.register("ada@example.com");
        let token = server.activation_token("ada@example.com");
        let output = server
            .env()
            .run(&["user", "deactivate", "--email", "ada@example.com"]);
        assert_eq!(output.code, Some(0), "{output:?}");
        open(&server, &token).assert_field_errors(&["token"]);
        // Nor is a new link sent.
        for path in ["/api/user/activation/resend", "/api/user/password/reset"] {
            server
                .post(path)
                .json(json!({"email": "ada@example.com"}))
                .send()
                .assert_no_content();
        }
        server.assert_emails(&[]);
        server
            .try_sign_in("ada@example.com", PASSWORD)
            .assert_error(403, "inactive_account");
    }
}

/// An operator deactivates the account in the table after the link was sent.
#[test]
fn does_not_activate_an_account_deactivated_in_the_database() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    server
        .database()
        .execute("UPDATE users SET is_active = false");
    open(&server, &token);
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(403, "inactive_account");
}
