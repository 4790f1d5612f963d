//! `/api/user/login/code`.

use serde_json::{Value, json};

use crate::support::{
    Response, Server, TokenPair, amr, concurrently, email::CONFIRM_ADDRESS, text_of,
};

const PATH: &str = "/api/user/login/code";
const REQUIRED: &str = "This field is required.";
const SUBJECT: &str = "Your code to sign in";

fn request(server: &Server, email: &str) -> Response {
    server.post(PATH).json(json!({"email": email})).send()
}

fn confirm(server: &Server, flow: &str, email: &str, code: &str) -> Response {
    server
        .post(&format!("{PATH}/confirm"))
        .json(json!({"flow": flow, "email": email, "code": code}))
        .send()
}

/// Requests a code. Returns the flow.
#[track_caller]
fn flow(server: &Server, email: &str) -> String {
    let response = request(server, email);
    assert_eq!(response.status, 200, "{response}");
    let body = response.json();
    let flow = text_of(&body, "flow");
    assert_eq!(body, json!({"flow": flow}));
    assert_eq!(flow.len(), 43, "256 bits: {flow}");
    flow
}

fn pair(otp_required: bool) -> Value {
    let mut pair = json!({
        "token": "<jwt>",
        "refresh_token": "<jwt>",
        "token_type": "Bearer",
        "expires_in": if otp_required { 600 } else { 900 },
    });
    if otp_required {
        pair["otp_required"] = json!(true);
    }
    pair
}

fn incorrect() -> Value {
    json!({"code": ["Incorrect code, or it no longer works. Request a new one."]})
}

#[test]
fn signs_in_with_an_emailed_code() {
    let server = Server::start();
    server.sign_up_verified("Ada@example.com");
    server.take_all_emails();
    let flow = flow(&server, "ada@EXAMPLE.com");
    let email = server.take_email("Ada@example.com", SUBJECT);
    email.assert_no_link();
    assert!(
        email
            .text
            .contains("It works once and expires in 10 minutes."),
        "{}",
        email.text
    );
    assert!(email.text.contains("Requested on 20"), "{}", email.text);
    let code = email.sign_in_code();
    let response = confirm(&server, &flow, "ada@example.com", &code.replace(' ', ""));
    let cookie = response.header("set-cookie");
    assert!(cookie.starts_with("latchkey_device="), "{cookie}");
    let tokens = TokenPair::from(&response);
    response.assert_json(200, pair(false));
    assert_eq!(amr(&tokens.token), json!(["mca"]));
    server.assert_valid(&tokens);
    confirm(&server, &flow, "ada@example.com", &code).assert_json(400, incorrect());
    server.assert_emails(&[]);
}

#[test]
fn responds_alike_for_every_email_address() {
    let server = Server::start();
    server.sign_up_verified("ada@example.com");
    server.sign_up_verified("eve@example.com");
    server
        .database()
        .execute("UPDATE users SET is_active = FALSE WHERE email = 'eve@example.com'");
    server.take_all_emails();
    let names = |email: &str| {
        let response = request(&server, email);
        assert_eq!(response.status, 200, "{response}");
        let flow = text_of(&response.json(), "flow");
        confirm(&server, &flow, email, "12345678").assert_json(400, incorrect());
        let mut names: Vec<_> = response.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    let known = names("ada@example.com");
    // The second request for an address is too early.
    for email in ["ada@example.com", "eve@example.com", "nobody@example.com"] {
        assert_eq!(names(email), known, "{email}");
    }
    server.assert_emails(&[("ada@example.com", SUBJECT)]);
}

#[test]
fn names_every_field_that_is_missing() {
    let server = Server::start();
    let path = format!("{PATH}/confirm");
    server
        .post(PATH)
        .send()
        .assert_json(400, json!({"email": [REQUIRED]}));
    request(&server, "ada").assert_json(400, json!({"email": ["Enter a valid email address."]}));
    server.post(&path).send().assert_json(
        400,
        json!({"flow": [REQUIRED], "email": [REQUIRED], "code": [REQUIRED]}),
    );
    server
        .post(&path)
        .json(json!({"flow": 1, "email": "ada", "code": [2]}))
        .send()
        .assert_field_errors(&["code", "flow"]);
    server
        .post(PATH)
        .form(&[("email", "ada@example.com")])
        .send()
        .assert_api_rules();
}

#[test]
fn five_wrong_codes_end_it() {
    let server = Server::start();
    server.sign_up_verified("ada@example.com");
    let flow = flow(&server, "ada@example.com");
    let code = server.take_email("ada@example.com", SUBJECT).sign_in_code();
    let wrong = if code.starts_with('0') { "1" } else { "0" }.repeat(8);
    for code in [&wrong, &wrong, &wrong, &wrong, &wrong, &code] {
        confirm(&server, &flow, "ada@example.com", code).assert_json(400, incorrect());
    }
}

#[test]
fn one_of_concurrent_confirmations_gets_a_pair() {
    let server = Server::start();
    server.sign_up_verified("ada@example.com");
    let flow = flow(&server, "ada@example.com");
    let code = server.take_email("ada@example.com", SUBJECT).sign_in_code();
    let responses = concurrently(4, |_| confirm(&server, &flow, "ada@example.com", &code));
    let right = responses.iter().filter(|response| response.status == 200);
    assert_eq!(right.count(), 1);
    for response in responses {
        if response.status != 200 {
            response.assert_json(400, incorrect());
        }
    }
}

#[test]
fn the_second_factor_is_still_required() {
    let server = Server::start();
    let tokens = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&tokens);
    let flow = flow(&server, "ada@example.com");
    let code = server.take_email("ada@example.com", SUBJECT).sign_in_code();
    let response = confirm(&server, &flow, "ada@example.com", &code);
    let pending = TokenPair::from(&response);
    response.assert_json(200, pair(true));
    server
        .view(&pending.token)
        .assert_error(403, "otp_required");
    assert_eq!(amr(&pending.token), json!(["mca"]));
    let passed = TokenPair::from(&server.pass_totp(&pending.token, &factor.app.code()));
    assert_eq!(amr(&passed.token), json!(["mca", "otp"]));
    server.assert_valid(&passed);
}

/// The mailbox proves that the address is somebody else's than who has registered with it.
#[test]
fn the_first_proof_of_an_address_ends_the_access_of_others() {
    let server = Server::start();
    let registrant = server.sign_up("ada@example.com");
    server.take_email("ada@example.com", CONFIRM_ADDRESS);
    let flow = flow(&server, "ada@example.com");
    let email = server.take_email("ada@example.com", SUBJECT);
    assert!(
        email.text.contains("removes the password"),
        "{}",
        email.text
    );
    let tokens = TokenPair::from(&confirm(
        &server,
        &flow,
        "ada@example.com",
        &email.sign_in_code(),
    ));
    assert_eq!(server.view(&tokens.token).json()["email_verified"], true);
    server.assert_revoked(&registrant);
    server
        .try_sign_in("ada@example.com", crate::support::PASSWORD)
        .assert_error(401, "invalid_credentials");
}

#[test]
fn registrations_that_wait_get_no_code() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    server.register("ada@example.com");
    let flow = flow(&server, "ada@example.com");
    server.assert_emails(&[("ada@example.com", CONFIRM_ADDRESS)]);
    confirm(&server, &flow, "ada@example.com", "12345678").assert_json(400, incorrect());
}

#[test]
fn no_secret_is_in_the_log() {
    let server = Server::start_with(&[("LATCHKEY_LOG", "debug")]);
    server.sign_up_verified("wilhelmina@kaltenbrunner.example");
    let email = "wilhelmina@kaltenbrunner.example";
    let flow = flow(&server, email);
    let code = server.take_email(email, SUBJECT).sign_in_code();
    confirm(&server, &flow, email, &code).assert_json(200, pair(false));
    let log = server.log();
    for word in ["kaltenbrunner", &flow, &code, &code.replace(' ', "")] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}
