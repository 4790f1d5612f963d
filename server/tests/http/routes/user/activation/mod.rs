//! `/api/user/activation`.

mod reject;
mod resend;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::{
    NO_LIMITS, PASSWORD, Response, Server, TokenPair, concurrently,
    email::{ALREADY_REGISTERED, CONFIRM_ADDRESS},
};

const PATH: &str = "/api/user/activation";
const REQUIRED: (&str, &str) = ("LATCHKEY_REQUIRE_ACTIVATION", "true");

fn open(server: &Server, token: &str) -> Response {
    open_with(server, token, PASSWORD)
}

fn open_with(server: &Server, token: &str, password: &str) -> Response {
    server
        .post(PATH)
        .json(json!({"token": token, "password": password}))
        .send()
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
    let fields = [("token", token.as_str()), ("password", PASSWORD)];
    let form = server.post(PATH).form(&fields).send();
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
fn repeating_it_is_no_error() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    open(&server, &token).assert_no_content();
    open(&server, &token).assert_no_content();
    // Not even the password is needed then.
    server
        .post(PATH)
        .json(json!({"token": token}))
        .send()
        .assert_no_content();
    let confirmed = "event = 'address_confirmed'";
    assert_eq!(server.database().count("audit_events", confirmed), 1);
    open(&server, "x").assert_json(
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
    for response in responses {
        response.assert_no_content();
    }
    let confirmed = "event = 'address_confirmed'";
    assert_eq!(server.database().count("audit_events", confirmed), 1);
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
    // The same response as for an unknown email address.
    let unknown = server.try_sign_in("nobody@example.com", PASSWORD);
    assert_eq!(sign_in().json(), unknown.json());
    unknown.assert_json(
        401,
        json!({
            "detail": "Incorrect email or password. If you have just registered, open the link that \
                we emailed you.",
            "code": "invalid_credentials",
        }),
    );
    let token = server.activation_token("ada@example.com");
    sign_in().assert_error(401, "invalid_credentials");
    assert_eq!(server.database().count("users", "true"), 0);
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
    assert_eq!(server.database().count("users", "true"), 1);
    assert_eq!(server.database().count("registrations", "true"), 2);
}

#[test]
fn registrations_of_an_address_wait_side_by_side() {
    let server = Server::start_with(&[REQUIRED]);
    server.register("ada@example.com");
    let first = server.activation_token("ada@example.com");
    server
        .post("/api/user/create")
        .json(json!({"email": "ada@example.com", "password": "another-password-5"}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    let second = server.activation_token("ada@example.com");
    // Each link activates what was entered with it.
    open(&server, &second).assert_json(400, json!({"password": ["Incorrect password."]}));
    open_with(&server, &second, "another-password-5").assert_no_content();
    server
        .try_sign_in("ada@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    let pair = TokenPair::from(&server.try_sign_in("ada@example.com", "another-password-5"));
    assert!(is_verified(&server, &pair.token));
    // The first that is activated wins.
    open(&server, &first).assert_field_errors(&["token"]);
}

#[test]
fn requires_a_session_or_the_password() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let eve = server.sign_up("eve@example.com");
    let token = server.activation_token("ada@example.com");
    let send = |bearer: Option<&str>, body| {
        let request = server.post(PATH);
        let request = match bearer {
            Some(token) => request.token(token),
            None => request,
        };
        request.json(body).send()
    };
    let required = json!({"password": ["This field is required."]});
    // A token of another account, or an invalid one, counts as none.
    for bearer in [
        None,
        Some(&*eve.token),
        Some("x"),
        Some(&pair.refresh_token),
    ] {
        send(bearer, json!({"token": token})).assert_json(400, required.clone());
    }
    open_with(&server, &token, "wrong-password-1")
        .assert_json(400, json!({"password": ["Incorrect password."]}));
    assert!(!is_verified(&server, &pair.token));
    send(Some(&pair.token), json!({"token": token})).assert_no_content();
    assert!(is_verified(&server, &pair.token));
}

#[test]
fn delays_guesses_at_the_password() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    for _ in 0..10 {
        open_with(&server, &token, "wrong-password-1").assert_field_errors(&["password"]);
    }
    open(&server, &token).assert_error(429, "throttled");
    // Guesses of others delay neither the owner's link nor the other way around.
    server.sign_in("ada@example.com");
}

#[test]
fn guesses_of_others_do_not_delay_it() {
    let server = Server::start();
    server.register("ada@example.com");
    let token = server.activation_token("ada@example.com");
    for _ in 0..11 {
        server.try_sign_in("ada@example.com", "wrong-password-1");
    }
    open(&server, &token).assert_no_content();
}

#[test]
fn takes_the_code_of_the_email() {
    for settings in [&[][..], &[REQUIRED]] {
        let server = Server::start_with(settings);
        server.register("ada@example.com");
        let code = server.take_email("ada@example.com", CONFIRM_ADDRESS).code();
        let send = |email: &str, code: &str| {
            server
                .post(PATH)
                .json(json!({"email": email, "code": code, "password": PASSWORD}))
                .send()
        };
        for _ in 0..4 {
            let wrong = send("ada@example.com", "12345678");
            let unknown = send("nobody@example.com", "12345678");
            assert_eq!(wrong.json(), unknown.json());
            wrong.assert_field_errors(&["code"]);
        }
        send("ADA@example.com", &code.replace(' ', "")).assert_no_content();
        assert!(is_verified(
            &server,
            &server.sign_in("ada@example.com").token
        ));
        send("ada@example.com", &code).assert_no_content();
    }
}

#[test]
fn code_ends_after_five_wrong_ones_and_the_link_still_works() {
    let server = Server::start_with(&[NO_LIMITS]);
    server.register("ada@example.com");
    let email = server.take_email("ada@example.com", CONFIRM_ADDRESS);
    let send = |code: &str| {
        server
            .post(PATH)
            .json(json!({"email": "ada@example.com", "code": code, "password": PASSWORD}))
            .send()
    };
    let responses = concurrently(10, |number| send(&format!("0000000{number}")));
    for response in responses {
        response.assert_field_errors(&["code"]);
    }
    send(&email.code()).assert_field_errors(&["code"]);
    let token = email.token(&format!("{}/activate", server.url()));
    open(&server, &token).assert_no_content();
}

#[test]
fn keeps_only_a_keyed_hash_of_the_code() {
    let server = Server::start();
    server.register("ada@example.com");
    let code = server.take_email("ada@example.com", CONFIRM_ADDRESS).code();
    let stored = server.database().hex("mailed_tokens", "code_hash");
    let hash: String = Sha256::digest(code.replace(' ', ""))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(stored.len(), 64);
    assert_ne!(stored, hash);
    assert!(!server.log().contains(&code));
}

/// The sixth gets the same response, and no email.
#[test]
fn at_most_five_registrations_of_an_address_wait() {
    let server = Server::start_with(&[REQUIRED]);
    for _ in 0..7 {
        server
            .post("/api/user/create")
            .json(json!({"email": "ada@example.com", "password": PASSWORD}))
            .send()
            .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    }
    server.assert_emails(&[("ada@example.com", CONFIRM_ADDRESS); 5]);
}

#[test]
fn does_not_activate_an_account_deactivated_by_an_operator() {
    for settings in [&[][..], &[REQUIRED]] {
        let server = Server::start_with(settings);
        server.register("ada@example.com");
        let token = server.activation_token("ada@example.com");
        if !settings.is_empty() {
            open(&server, &token).assert_no_content();
            server
                .database()
                .execute("UPDATE users SET email_verified = false");
        }
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
