//! `/api/passkey/delete`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server, soft_passkey::SoftPasskey};

const PATH: &str = "/api/passkey/delete";

const REMOVED: &str = "A passkey was removed from your account";

fn delete(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn removes_a_passkey_and_ends_the_sessions_that_it_has_started() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let [mut stolen, mut kept] = [1, 2].map(SoftPasskey::new);
    let id = server.add_passkey(&pair.token, &mut stolen);
    server.add_passkey(&pair.token, &mut kept);
    let thief = server.sign_in_with_passkey(&stolen);
    let other = server.sign_in_with_passkey(&kept);
    server.take_all_emails();
    let body = json!({"id": id, "current_password": PASSWORD});
    delete(&server, &pair.token, body.clone()).assert_no_content();
    server.assert_revoked(&thief);
    server.assert_valid(&other);
    server.assert_valid(&pair);
    let email = server.take_email("ada@example.com", REMOVED);
    assert!(email.text.contains("\"Laptop\""), "{email:?}");
    assert_eq!(server.passkey_login(&stolen).status, 401);
    server.sign_in_with_passkey(&kept);
    delete(&server, &pair.token, body).assert_error(404, "not_found");
    let events = server
        .database()
        .count("audit_events", "event = 'passkey_removed'");
    assert_eq!(events, 1);
}

#[test]
fn needs_the_password_or_a_passkey_of_the_last_minutes() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let mut passkey = SoftPasskey::new(1);
    let id = server.add_passkey(&pair.token, &mut passkey);
    delete(&server, &pair.token, json!({})).assert_field_errors(&["id"]);
    delete(&server, &pair.token, json!({"id": id})).assert_json(
        400,
        json!({"current_password": ["This field is required."]}),
    );
    let wrong = json!({"id": id, "current_password": "wrong"});
    delete(&server, &pair.token, wrong).assert_field_errors(&["current_password"]);
    // The session of the passkey itself continues, as that of the user who removes it.
    let own = server.sign_in_with_passkey(&passkey);
    delete(&server, &own.token, json!({"id": id})).assert_no_content();
    server.assert_valid(&own);
    assert_eq!(server.database().count("passkeys", "true"), 0);
}

#[test]
fn removes_no_passkey_of_others() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let id = server.add_passkey(&ada.token, &mut SoftPasskey::new(1));
    for id in [id.as_str(), "x"] {
        let body = json!({"id": id, "current_password": PASSWORD});
        delete(&server, &grace.token, body).assert_error(404, "not_found");
    }
    assert_eq!(server.database().count("passkeys", "true"), 1);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
