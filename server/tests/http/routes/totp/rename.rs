//! `/api/totp/rename`.

use serde_json::{Value, json};

use crate::support::{Response, Server, text_of};

const PATH: &str = "/api/totp/rename";

fn rename(server: &Server, token: &str, body: Value) -> Response {
    server.post(PATH).token(token).json(body).send()
}

#[test]
fn changes_the_name_of_any_app() {
    let server = Server::start();
    let pair = server.enable_totp(&server.sign_up("ada@example.com")).pair;
    server.add_app(&pair, json!({"name": "Tablet"}));
    let list = || server.get("/api/totp").token(&pair.token).send().json();
    for (index, name) in [(0, "Phone"), (1, "Key ring")] {
        let body = json!({"id": list()[index]["id"], "name": name});
        rename(&server, &pair.token, body).assert_no_content();
        assert_eq!(list()[index]["name"], name);
    }
    assert_eq!(list()[0]["name"], "Phone");
}

#[test]
fn refuses_other_ids_and_names() {
    let server = Server::start();
    let ada = server.enable_totp(&server.sign_up("ada@example.com")).pair;
    let grace = server
        .enable_totp(&server.sign_up("grace@example.com"))
        .pair;
    let list = || server.get("/api/totp").token(&ada.token).send().json();
    server.add_app(&ada, json!({"name": "Tablet"}));
    let [first, second] = [0, 1].map(|index| text_of(&list()[index], "id"));
    let body = json!({"id": first, "name": "Phone"});
    rename(&server, &ada.token, body).assert_no_content();
    rename(&server, &ada.token, json!({})).assert_field_errors(&["id", "name"]);
    let long = json!({"id": first, "name": "x".repeat(101)});
    rename(&server, &ada.token, long)
        .assert_json(400, json!({"name": ["A name has at most 100 characters."]}));
    let ids = [
        &*first,
        &*second,
        "x",
        "0b6f4be5-5ee2-4ad2-8a4b-2e9e8e0f6a52",
    ];
    for id in ids {
        let body = json!({"id": id, "name": "Mine"});
        rename(&server, &grace.token, body).assert_error(404, "not_found");
    }
    assert_eq!(list()[0]["name"], "Phone");
    assert_eq!(list()[1]["name"], "Tablet");
}

#[test]
fn needs_an_access_token() {
    Server::start().assert_needs_access_token("POST", PATH);
}
