//! `/api/user/update`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server};

const PATH: &str = "/api/user/update";

fn update(server: &Server, token: &str, body: Value) -> Response {
    server.request("PATCH", PATH).token(token).json(body).send()
}

#[test]
fn changes_the_profile() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let updated = update(
        &server,
        &pair.token,
        json!({"name": " Ada ", "metadata": {"theme": "dark"}, "roles": ["editor"], "is_admin": true}),
    )
    .assert_json(
        200,
        json!({
            "id": "<uuid>",
            "email": "ada@example.com",
            "is_admin": false,
            "date_joined": "<time>",
            "last_login": "<time>",
            "email_verified": false,
            "otp_enabled": false,
            "name": "Ada",
            "roles": [],
            "metadata": {"theme": "dark"},
        }),
    );
    assert_eq!(server.view(&pair.token).json(), updated.json());
    // What is not given stays.
    let renamed = update(&server, &pair.token, json!({"name": ""})).json();
    assert_eq!(
        (&renamed["name"], &renamed["metadata"]["theme"]),
        (&json!(""), &json!("dark"))
    );
    let form = server
        .request("PATCH", PATH)
        .token(&pair.token)
        .form(&[("name", "Lovelace"), ("metadata", "{\"a\":[1]}")]);
    let updated = form.send().json();
    assert_eq!(
        (&updated["name"], &updated["metadata"]),
        (&json!("Lovelace"), &json!({"a": [1]}))
    );
    // Nothing to do is no error.
    assert_eq!(update(&server, &pair.token, json!({})).json(), updated);
}

#[test]
fn a_large_object_is_shown_in_full() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let large = json!({"a": "ü".repeat(2000)});
    let updated = update(&server, &pair.token, json!({"metadata": large}));
    assert_eq!(updated.json()["metadata"], large, "{updated}");
    assert_eq!(server.view(&pair.token).json()["metadata"], large);
}

#[test]
fn refuses_what_is_no_name_and_no_small_object() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for (body, fields) in [
        (json!({"name": 1, "metadata": 1}), &["metadata", "name"][..]),
        (json!({"name": "a\u{7}b"}), &["name"]),
        (json!({"name": "x".repeat(101)}), &["name"]),
        (json!({"metadata": []}), &["metadata"]),
        (json!({"metadata": {"a": "\0"}}), &["metadata"]),
        (json!({"metadata": {"a": "x".repeat(4089)}}), &["metadata"]),
    ] {
        update(&server, &pair.token, body).assert_field_errors(fields);
    }
    assert_eq!(server.view(&pair.token).json()["metadata"], json!({}));
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("PATCH", PATH);
}

#[test]
fn a_name_can_come_with_the_registration() {
    let server = Server::start();
    let create = |name: Value| {
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
        server.post("/api/user/create").json(body).send()
    };
    create(json!("x\ny")).assert_field_errors(&["name"]);
    create(json!(7)).assert_field_errors(&["name"]);
    assert_eq!(create(json!("Ada")).status, 201);
    let pair = server.sign_in("ada@example.com");
    assert_eq!(server.view(&pair.token).json()["name"], "Ada");
}
