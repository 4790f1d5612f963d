//! `/api/passkey`.

use serde_json::json;

use crate::support::{Server, soft_passkey::SoftPasskey, text_of};

const PATH: &str = "/api/passkey";

#[test]
fn returns_the_passkeys_of_the_user() {
    let server = Server::start_for_passkeys();
    let ada = server.sign_up_verified("ada@example.com");
    let grace = server.sign_up_verified("grace@example.com");
    let list = || server.get(PATH).token(&ada.token).send();
    list().assert_json(200, json!([]));
    let mut first = SoftPasskey::new(1);
    let id = server.add_passkey(&ada.token, &mut first);
    let second = SoftPasskey::new(2).create(&server.begin_passkey(&ada.token));
    server.confirm_passkey(&ada.token, &second, "Key ring");
    server.add_passkey(&grace.token, &mut SoftPasskey::new(3));
    server.sign_in_with_passkey(&first);
    assert_eq!(text_of(&list().json()[0], "id"), id);
    list().assert_json(
        200,
        json!([
            {
                "id": "<uuid>",
                "name": "Laptop",
                "created_at": "<time>",
                "last_used_at": "<time>",
                "backed_up": false,
            },
            {
                "id": "<uuid>",
                "name": "Key ring",
                "created_at": "<time>",
                "last_used_at": null,
                "backed_up": false,
            },
        ]),
    );
    let export = server.get("/api/user/export").token(&ada.token).send();
    assert_eq!(export.json()["passkeys"], list().json());
    assert!(!export.text().contains("ES256"), "{export}");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
