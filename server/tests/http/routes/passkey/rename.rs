//! `/api/passkey/rename`.

use serde_json::{Value, json};

use crate::support::{Response, Server, soft_passkey::SoftPasskey};

const PATH: &str = "/api/passkey/rename";

fn rename(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn changes_the_name() {
    let server = Server::start_for_passkeys();
    let pair = server.sign_up_verified("ada@example.com");
    let id = server.add_passkey(&pair.token, &mut SoftPasskey::new(1));
    let body = json!({"id": id, "name": "Key ring"});
    rename(&server, &pair.token, body).assert_no_content();
    let list = server.get("/api/passkey").token(&pair.token).send();
    assert_eq!(list.json()[0]["name"], "Key ring");
}

#[test]
fn refuses_other_ids_and_names() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let id = server.add_passkey(&ada.token, &mut SoftPasskey::new(1));
    rename(&server, &ada.token, json!({})).assert_field_errors(&["id", "name"]);
    let long = json!({"id": id, "name": "x".repeat(101)});
    rename(&server, &ada.token, long)
        .assert_json(400, json!({"name": ["A name has at most 100 characters."]}));
    for id in [id.as_str(), "x", "0b6f4be5-5ee2-4ad2-8a4b-2e9e8e0f6a52"] {
        let body = json!({"id": id, "name": "Mine"});
        rename(&server, &grace.token, body).assert_error(404, "not_found");
    }
    assert_eq!(server.database().count("passkeys", "name = 'Laptop'"), 1);
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
