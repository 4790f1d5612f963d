//! `/api/admin/activity`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::invitations::SUBJECT as INVITED;
use crate::support::{PASSWORD, Response, Server, text_of};

const PATH: &str = "/api/admin/activity";

#[test]
fn lists_the_events_of_all_users() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    server.register("ada@example.com");
    server.sign_in("ada@example.com");
    let id = server.id_of("ada@example.com");
    let list = |query: &str| {
        server
            .get(&format!("{PATH}{query}"))
            .token(&root.token)
            .send()
    };
    let events = |query: &str| {
        let response = list(query);
        assert_eq!(response.status, 200, "{response}");
        let body = response.json();
        let events = body["events"].as_array().expect("a list");
        let names = events.iter().map(|event| text_of(event, "event"));
        names.collect::<Vec<_>>()
    };
    let all = ["signed_in", "registered", "signed_in", "operator_created"];
    assert_eq!(events(""), all);
    assert_eq!(events("?event=signed_in").len(), 2);
    assert_eq!(events(&format!("?user={id}")), ["signed_in", "registered"]);
    assert_eq!(events("?since=2099-01-01T00:00:00Z"), [""; 0]);
    assert_eq!(events("?since=2026-01-01T00:00:00Z").len(), 4);
    let own = list(&format!("?user={id}")).json();
    assert_eq!(text_of(&own["events"][0], "user"), id);
    assert_eq!(text_of(&own["events"][0], "email"), "ada@example.com");
    // Page by page.
    let (mut seen, mut query) = (Vec::new(), "?limit=3".to_owned());
    loop {
        seen.extend(events(&query));
        match &list(&query).json()["next_cursor"] {
            Value::String(cursor) => query = format!("?limit=3&cursor={cursor}"),
            _ => break,
        }
    }
    assert_eq!(seen, all);
    list("?event=No&user=x&since=now&cursor=x&limit=x")
        .assert_field_errors(&["cursor", "event", "limit", "since", "user"]);
}

/// The ID of the request that was responded to.
fn request_of(response: &Response) -> Value {
    response.header("x-request-id").into()
}

/// The newest event of this kind.
fn newest(server: &Server, token: &str, event: &str) -> Value {
    let response = server.get(&format!("{PATH}?event={event}&limit=1"));
    let response = response.token(token).send();
    assert_eq!(response.status, 200, "{response}");
    response.json()["events"][0].clone()
}

#[test]
fn events_name_their_request() {
    let server = Server::start_with(&[("LATCHKEY_REQUIRE_ACTIVATION", "true")]);
    let root = server.administrator("root@example.com");
    let created = newest(&server, &root.token, "operator_created");
    assert_eq!(
        (&created["ip"], &created["request_id"]),
        (&json!(""), &Value::Null)
    );

    // The account is created by the link, much later.
    let registered = server
        .post("/api/user/create")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let token = server.activation_token("ada@example.com");
    let confirmed = server.activate(&token);
    let signed_in = server.try_sign_in("ada@example.com", PASSWORD);
    // The event is written when the email is sent.
    let reset = server.reset("ada@example.com");
    server.reset_token("ada@example.com");
    let invited = json!({"email": "grace@example.com", "invite": true});
    let invited = server
        .post("/api/admin/users")
        .token(&root.token)
        .json(invited)
        .send();
    let email = server.take_email("grace@example.com", INVITED);
    let token = email.token(&format!("{}/register", server.url()));
    let accepted = server
        .post("/api/user/create")
        .json(json!({"email": "grace@example.com", "password": PASSWORD, "invitation": token}))
        .send();
    assert_eq!(accepted.status, 201, "{accepted}");
    for (event, response) in [
        ("address_confirmed", &confirmed),
        ("signed_in", &signed_in),
        ("password_reset_requested", &reset),
        ("invitation_sent", &invited),
        ("operator_invited", &invited),
        ("registered", &accepted),
    ] {
        let newest = newest(&server, &root.token, event);
        assert_eq!(newest["request_id"], request_of(response), "{newest}");
    }
    let id = server.id_of("ada@example.com");
    let first = server.get(&format!("{PATH}?event=registered&user={id}"));
    let first = first.token(&root.token).send().json();
    assert_eq!(first["events"][0]["request_id"], request_of(&registered));
    // Users see what they saw before.
    let own = server
        .get("/api/user/activity")
        .token(&text_of(&signed_in.json(), "token"));
    let own = own.send().json();
    let names = own[0].as_object().expect("an object").keys();
    let names: BTreeSet<_> = names.map(String::as_str).collect();
    let expected = ["at", "count", "device", "event", "ip", "user_agent"];
    assert_eq!(names, BTreeSet::from(expected));
}

#[test]
fn lists_accounts_that_were_deleted() {
    const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let pair = server.sign_up("ada@example.com");
    let by_user = server
        .post("/api/user/delete")
        .header("user-agent", AGENT)
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    assert_eq!(by_user.status, 204, "{by_user}");
    let id = server.register("grace@example.com").id;
    let by_root = server.delete_user(&root.token, &id);
    assert_eq!(by_root.status, 204, "{by_root}");

    let list = |query: &str| {
        let response = server.get(&format!("{PATH}{query}"));
        let response = response.token(&root.token).send();
        assert_eq!(response.status, 200, "{response}");
        response
    };
    let response = list("?event=account_deleted");
    let mut events = response.json()["events"].clone();
    let events = events.as_array_mut().expect("a list");
    let ids: BTreeSet<_> = events.iter().map(|event| text_of(event, "id")).collect();
    assert_eq!(ids.len(), 2);
    for event in events.iter_mut() {
        event["id"] = "<id>".into();
        event["at"] = "<time>".into();
    }
    let expected = |actor: Value, request: &Response| {
        json!({
            "id": "<id>", "user": null, "email": null, "at": "<time>", "event": "account_deleted",
            "ip": "127.0.0.1", "user_agent": "", "device": "", "count": 1, "actor": actor,
            "request_id": request_of(request),
        })
    };
    let root_id = server.id_of("root@example.com");
    let actor = json!({"type": "user", "id": root_id, "name": "root@example.com"});
    assert_eq!(events[0], expected(actor, &by_root));
    assert_eq!(events[1], expected(Value::Null, &by_user));

    // They are among the other events, and on the right page. Nothing says whose they were.
    let names = |response: &Response| {
        let body = response.json();
        let events = body["events"].as_array().expect("a list");
        let names = events.iter().map(|event| text_of(event, "event"));
        names.collect::<Vec<_>>()
    };
    let all = [
        "account_deleted",
        "account_deleted",
        "signed_in",
        "operator_created",
    ];
    let everything = list("");
    assert_eq!(names(&everything), all);
    for word in ["ada@", "grace@", &id, "Gecko"] {
        assert!(!everything.text().contains(word), "{word} in {everything}");
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = list(&query);
        seen.extend(names(&page));
        match &page.json()["next_cursor"] {
            Value::String(cursor) => query = format!("?limit=1&cursor={cursor}"),
            _ => break,
        }
    }
    assert_eq!(seen, all);
    assert_eq!(names(&list("?since=2099-01-01T00:00:00Z")), [""; 0]);
    assert_eq!(names(&list(&format!("?user={id}"))), [""; 0]);
    let own = list(&format!("?user={root_id}"));
    assert_eq!(names(&own), ["signed_in", "operator_created"]);
}
