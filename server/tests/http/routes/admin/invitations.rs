//! `/api/admin/invitations`, and invitations sent by `POST /api/admin/users`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server, text_of};

const PATH: &str = "/api/admin/invitations";
pub const SUBJECT: &str = "You are invited to create an account";

#[track_caller]
fn invite(server: &Server, token: &str, body: Value) -> Response {
    server
        .post("/api/admin/users")
        .token(token)
        .json(body)
        .send()
}

fn create(server: &Server, body: Value) -> Response {
    server.post("/api/user/create").json(body).send()
}

fn list(server: &Server, token: &str, query: &str) -> Response {
    server.get(&format!("{PATH}{query}")).token(token).send()
}

#[test]
fn an_invitation_is_sent_listed_and_accepted() {
    let server = Server::start_with(&[("LATCHKEY_REGISTRATION", "invite")]);
    let root = server.administrator("root@example.com");
    let body = json!({
        "email": "ada@example.com", "invite": true, "name": "Ada", "roles": "editor,author",
    });
    let invited = invite(&server, &root.token, body);
    assert_eq!(invited.status, 201, "{invited}");
    let id = text_of(&invited.json(), "id");
    let first = list(&server, &root.token, "").json()["invitations"][0].take();
    assert_eq!(first["id"], id);
    assert_eq!(
        first["invited_by"]["id"],
        json!(server.id_of("root@example.com"))
    );
    list(&server, &root.token, "").assert_json(
        200,
        json!({
            "invitations": [{
                "id": "<uuid>",
                "email": "ada@example.com",
                "name": "Ada",
                "roles": ["author", "editor"],
                "is_admin": false,
                "metadata": {},
                "app_metadata": {},
                "created_at": "<time>",
                "expires_at": "<time>",
                "invited_by": {
                    "kind": "user",
                    "id": "<uuid>",
                    "name": "root@example.com",
                },
            }],
            "next_cursor": null,
        }),
    );
    let email = server.take_email("ada@example.com", SUBJECT);
    let token = email.token(&format!("{}/register", server.url()));
    let link = server
        .post("/api/user/link")
        .json(json!({"token": token}))
        .send();
    assert_eq!(link.json()["purpose"], "invitation", "{link}");
    assert_eq!(link.json()["email"], "ada@example.com");
    create(&server, json!({"invitation": token})).assert_field_errors(&["password"]);
    let other = json!({"invitation": token, "email": "eve@example.com", "password": PASSWORD});
    create(&server, other).assert_field_errors(&["email"]);
    let accepted = json!({"invitation": token, "password": PASSWORD});
    create(&server, accepted.clone())
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    assert_eq!(server.id_of("ada@example.com").to_string(), id);
    create(&server, accepted).assert_field_errors(&["invitation"]);
    let pair = server.sign_in("ada@example.com");
    let view = server.view(&pair.token).json();
    assert_eq!(view["email_verified"], true, "{view}");
    assert_eq!(view["roles"], json!(["author", "editor"]));
    assert_eq!(view["name"], "Ada");
}

#[test]
fn invitations_are_listed_a_page_at_a_time_and_revoked() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    for name in ["ada", "bob", "eve"] {
        let email = format!("{name}@example.com");
        let invited = invite(
            &server,
            &root.token,
            json!({"email": email, "invite": true}),
        );
        assert_eq!(invited.status, 201, "{invited}");
    }
    let first = list(&server, &root.token, "?limit=2").json();
    let cursor = text_of(&first, "next_cursor");
    let second = list(&server, &root.token, &format!("?limit=2&cursor={cursor}")).json();
    let pages = [&first["invitations"], &second["invitations"]];
    let mut emails: Vec<_> = pages
        .iter()
        .flat_map(|page| page.as_array().expect("a list"))
        .map(|invitation| text_of(invitation, "email"))
        .collect();
    emails.sort();
    assert_eq!(
        emails,
        ["ada@example.com", "bob@example.com", "eve@example.com"]
    );
    list(&server, &root.token, "?limit=0&cursor=x").assert_field_errors(&["cursor", "limit"]);
    let id = text_of(&second["invitations"][0], "id");
    let revoke = || {
        let path = format!("{PATH}/{id}");
        server.request("DELETE", &path).token(&root.token).send()
    };
    revoke().assert_no_content();
    revoke().assert_error(404, "not_found");
}

#[test]
fn wrong_fields_are_named_and_nothing_is_sent() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    for (body, fields) in [
        (json!({"invite": true}), &["email"][..]),
        (
            json!({"email": "ada@example.com", "invite": "perhaps", "password": PASSWORD}),
            &["invite"],
        ),
        (
            json!({"email": "ada@example.com", "invite": true, "password": PASSWORD}),
            &["password"],
        ),
        (
            json!({"email": "root@example.com", "invite": true}),
            &["email"],
        ),
        (
            json!({"email": "ada@example.com", "invite": true, "roles": ["A role"]}),
            &["roles"],
        ),
    ] {
        invite(&server, &root.token, body).assert_field_errors(fields);
    }
    assert_eq!(server.database().count("invitations", "true"), 0);
    let body = json!({"email": "ada@example.com", "invite": true});
    assert_eq!(invite(&server, &root.token, body.clone()).status, 201);
    invite(&server, &root.token, body).assert_error(429, "throttled");
}

#[test]
fn the_policy_is_judged_before_the_fields() {
    for policy in ["invite", "closed"] {
        let server = Server::start_with(&[("LATCHKEY_REGISTRATION", policy)]);
        for body in [
            json!({}),
            json!({"email": 1}),
            json!({"email": "ada@example.com", "password": PASSWORD}),
            json!({"email": "ada@example.com", "password": PASSWORD, "invitation": ""}),
        ] {
            create(&server, body).assert_error(403, "permission_denied");
        }
        let guessed = create(
            &server,
            json!({"invitation": "guessed", "password": PASSWORD}),
        );
        if policy == "invite" {
            guessed.assert_field_errors(&["invitation"]);
            continue;
        }
        guessed.assert_error(403, "permission_denied");
        let root = server.administrator("root@example.com");
        let body = json!({"email": "ada@example.com", "invite": true});
        invite(&server, &root.token, body).assert_error(409, "conflict");
    }
}
