//! `/api/admin/users`.

use serde_json::{Value, json};

use crate::support::{OTHER_PASSWORD, PASSWORD, Response, Server, TokenPair, text_of};

const PATH: &str = "/api/admin/users";

fn list(server: &Server, token: &str, query: &str) -> Response {
    server.get(&format!("{PATH}{query}")).token(token).send()
}

#[track_caller]
fn emails(response: &Response) -> Vec<String> {
    assert_eq!(response.status, 200, "{response}");
    let body = response.json();
    let users = body["users"].as_array().expect("a list");
    users.iter().map(|user| text_of(user, "email")).collect()
}

#[test]
fn lists_users_a_page_at_a_time() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.register("ada@example.com");
    server.register("grace@example.com");
    let first = list(&server, &root.token, "?order=email&limit=2");
    assert_eq!(emails(&first), ["ada@example.com", "grace@example.com"]);
    let cursor = text_of(&first.json(), "next_cursor");
    let second = list(
        &server,
        &root.token,
        &format!("/?order=email&limit=2&cursor={cursor}"),
    );
    assert_eq!(emails(&second), ["root@example.com"]);
    assert_eq!(second.json()["next_cursor"], Value::Null);
    let found = list(&server, &root.token, "?search=GRACE%40ex&is_admin=false");
    found.assert_json(
        200,
        json!({
            "users": [{
                "id": "<uuid>",
                "email": "grace@example.com",
                "name": "",
                "roles": [],
                "is_active": true,
                "is_admin": false,
                "email_verified": false,
                "otp_enabled": false,
                "date_joined": "<time>",
                "last_login": null,
                "metadata": {},
                "app_metadata": {},
                "version": list(&server, &root.token, "?search=grace").json()["users"][0]["version"],
            }],
            "next_cursor": null,
        }),
    );
}

#[test]
fn names_wrong_parameters() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    for (query, fields) in [
        ("?limit=0", &["limit"][..]),
        ("?limit=many&order=password_hash", &["limit", "order"]),
        ("?is_admin=1", &["is_admin"]),
        ("?cursor=x", &["cursor"]),
        ("?search=%00", &["search"]),
        ("?role=No%20role", &["role"]),
    ] {
        list(&server, &root.token, query).assert_field_errors(fields);
    }
    for query in ["?limit=1&limit=2", "?search=%ff"] {
        list(&server, &root.token, query).assert_error(400, "malformed_request");
    }
    // An empty parameter is none, as forms send it, and an unknown one is ignored.
    let all = list(&server, &root.token, "?search=&role=&limit=&x=y");
    assert_eq!(emails(&all), ["root@example.com"]);
    assert_eq!(
        emails(&list(&server, &root.token, "?limit=100000")).len(),
        1
    );
}

#[test]
fn creates_a_verified_user() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let create = |token: &str, body: Value| server.post(PATH).token(token).json(body).send();
    let created = create(
        &root.token,
        json!({
            "email": "Ada@example.com",
            "password": PASSWORD,
            "name": "Ada",
            "roles": ["editor"],
            "is_admin": true,
            "metadata": {"a": 1},
            "app_metadata": {"b": 2},
        }),
    );
    assert_eq!(created.status, 201, "{created}");
    let body = created.json();
    assert_eq!(body["email_verified"], true);
    assert_eq!(body["app_metadata"], json!({"b": 2}));
    let pair = server.sign_in("ada@example.com");
    let view = server.view(&pair.token).json();
    assert_eq!(
        (
            &view["name"],
            &view["roles"],
            &view["metadata"],
            &view["is_admin"]
        ),
        (
            &json!("Ada"),
            &json!(["editor"]),
            &json!({"a": 1}),
            &json!(true)
        )
    );
    create(&root.token, json!({})).assert_field_errors(&["email", "password"]);
    create(
        &root.token,
        json!({"email": "ADA@example.com", "password": "short", "roles": "X", "name": 1}),
    )
    .assert_field_errors(&["email", "name", "password", "roles"]);
    // A service creates users, but no administrators.
    let key = server.service_key("users:write");
    let user = json!({"email": "grace@example.com", "password": OTHER_PASSWORD, "roles": "a,b"});
    let created = create(&key, user.clone());
    assert_eq!(created.json()["roles"], json!(["a", "b"]), "{created}");
    let mut administrator = user;
    administrator["is_admin"] = true.into();
    create(&key, administrator).assert_error(403, "permission_denied");
}

#[test]
fn creating_users_with_power_needs_a_recent_sign_in() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.age_sessions();
    let root = TokenPair::from(&server.refresh(&root.refresh_token));
    let create = |more: Value| {
        let mut body = json!({"email": "ada@example.com", "password": PASSWORD});
        body.as_object_mut()
            .expect("an object")
            .extend(more.as_object().cloned().expect("an object"));
        server.post(PATH).token(&root.token).json(body).send()
    };
    for more in [json!({"is_admin": true}), json!({"roles": ["editor"]})] {
        create(more).assert_error(403, "reauthentication_required");
    }
    assert_eq!(create(json!({"name": "Ada"})).status, 201);
}
