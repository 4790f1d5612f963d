//! `/api/admin/keys`.

use serde_json::{Value, json};

use crate::support::{Server, TokenPair, text_of};

const PATH: &str = "/api/admin/keys";

#[test]
fn keys_are_created_listed_and_revoked() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let create = |body: Value| server.post(PATH).token(&root.token).json(body).send();
    let body = json!({"name": "a backend", "scopes": ["users:read", "users:read"]});
    // The owner of the address may not be the one who has the account.
    create(body.clone()).assert_error(403, "email_unverified");
    server.verify_users();
    let created = create(body);
    assert_eq!(created.status, 201, "{created}");
    let (id, key) = (
        text_of(&created.json(), "id"),
        text_of(&created.json(), "key"),
    );
    assert_eq!(key.len(), 79);
    assert_eq!(
        server.get("/api/admin/users").token(&key).send().status,
        200
    );
    let listed = server.get(PATH).token(&root.token).send();
    assert!(!listed.text().contains(&key[36..]));
    assert_eq!(listed.json()["keys"][0]["scopes"], json!(["users:read"]));
    assert_eq!(listed.json()["keys"][0].get("key"), None);
    let expiring = create(json!({
        "name": "x", "scopes": "audit:read,users:write", "expires_at": "2099-01-01T00:00:00Z",
    }));
    assert_eq!(
        expiring.json()["expires_at"],
        "2099-01-01T00:00:00.000Z",
        "{expiring}"
    );
    for (body, fields) in [
        (json!({}), &["name", "scopes"][..]),
        (json!({"name": "x", "scopes": ["everything"]}), &["scopes"]),
        (json!({"name": 1, "scopes": {}}), &["name", "scopes"]),
        (
            json!({"name": "x", "scopes": "users:read", "expires_at": "2020-01-01T00:00:00Z"}),
            &["expires_at"],
        ),
    ] {
        create(body).assert_field_errors(fields);
    }
    let revoke = || {
        server
            .request("DELETE", &format!("{PATH}/{id}"))
            .token(&root.token)
            .send()
    };
    revoke().assert_no_content();
    revoke().assert_error(404, "not_found");
    server
        .get("/api/admin/users")
        .token(&key)
        .send()
        .assert_error(401, "key_invalid");
    let activity = server.get("/api/user/activity").token(&root.token).send();
    let activity = activity.json();
    let events = activity.as_array().expect("a list").iter();
    let events: Vec<_> = events.map(|event| text_of(event, "event")).collect();
    assert_eq!(
        events[..3],
        [
            "service_key_revoked",
            "service_key_created",
            "service_key_created"
        ]
    );
}

#[test]
fn creating_a_key_needs_a_recent_sign_in() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.verify_users();
    server.age_sessions();
    let root = TokenPair::from(&server.refresh(&root.refresh_token));
    let create = server.post(PATH).token(&root.token).json(json!({}));
    create.send().assert_error(403, "reauthentication_required");
    assert_eq!(server.get(PATH).token(&root.token).send().status, 200);
}
