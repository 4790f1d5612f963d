//! `/api/admin/activity`.

use serde_json::Value;

use crate::support::{Server, text_of};

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
