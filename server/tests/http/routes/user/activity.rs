//! `/api/user/activity`.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, TokenPair, wait_until};

const PATH: &str = "/api/user/activity";

fn activity(server: &Server, pair: &TokenPair) -> Vec<Value> {
    let response = server.get(PATH).token(&pair.token).send();
    assert_eq!(response.status, 200, "{response}");
    response.json().as_array().expect("a list").clone()
}

/// Returns the names of the events, newest first.
fn names(server: &Server, pair: &TokenPair) -> Vec<String> {
    let events = activity(server, pair);
    let name = |event: &Value| event["event"].as_str().expect("a name").to_owned();
    events.iter().map(name).collect()
}

#[test]
fn lists_events_newest_first() {
    let server = Server::start();
    server.register("ada@example.com");
    server.sign_up("grace@example.com");
    let response = server
        .post("/api/user/login")
        .header("user-agent", "Phone/2.0")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let pair = TokenPair::from(&response);
    let event = |name: &str, user_agent: &Value, device: &str| {
        json!({
            "at": "<time>",
            "event": name,
            "ip": "127.0.0.1",
            "user_agent": user_agent,
            "device": device,
            "count": 1,
        })
    };
    let response = server.get(PATH).token(&pair.token).send();
    let laptop = response.json()[1]["user_agent"].clone();
    response.assert_json(
        200,
        json!([
            event("signed_in", &json!("Phone/2.0"), "Phone"),
            event("registered", &laptop, "ureq"),
        ]),
    );
}

#[test]
fn counts_wrong_passwords() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for _ in 0..3 {
        server
            .try_sign_in("ada@example.com", "not-the-password")
            .assert_error(401, "invalid_credentials");
    }
    server
        .try_sign_in("nobody@example.com", "not-the-password")
        .assert_error(401, "invalid_credentials");
    // They are stored after the response is sent.
    wait_until(
        "three are counted",
        std::time::Duration::from_secs(10),
        || {
            let events = activity(&server, &pair);
            events[0]["event"] == "sign_in_failed" && events[0]["count"] == 3
        },
    );
    assert_eq!(
        names(&server, &pair),
        ["sign_in_failed", "signed_in", "registered"]
    );
    assert_eq!(server.database().count("audit_events", "TRUE"), 3);
}

#[test]
fn stores_wrong_passwords_before_the_program_stops() {
    let mut server = Server::start();
    server.register("ada@example.com");
    server
        .try_sign_in("ada@example.com", "not-the-password")
        .assert_error(401, "invalid_credentials");
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let failed = server
        .database()
        .count("audit_events", "event = 'sign_in_failed'");
    assert_eq!(failed, 1);
}

#[test]
fn omits_token_refreshes() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_eq!(names(&server, &renewed), ["signed_in", "registered"]);
}

#[test]
fn lists_actions_of_others_on_the_account() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let thief = server.sign_in("ada@example.com");
    server
        .post("/api/user/logout")
        .token(&thief.token)
        .send()
        .assert_no_content();
    let output = server
        .env()
        .run(&["user", "activate", "--email", "ada@example.com"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let events = activity(&server, &pair);
    assert_eq!(
        names(&server, &pair)[..3],
        ["operator_activated", "signed_out", "signed_in"]
    );
    // Actions of an operator have no device.
    assert_eq!(
        (
            &events[0]["ip"],
            &events[0]["user_agent"],
            &events[0]["device"]
        ),
        (&json!(""), &json!(""), &json!(""))
    );
}

#[test]
fn contains_no_email_address_and_no_secret() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    server.enable_totp(&pair);
    let concatenated = "COALESCE(max(CAST(id AS TEXT) || event || ip || user_agent), '')";
    let text = server
        .database()
        .text(&format!("SELECT {concatenated} FROM audit_events"));
    assert!(!text.contains('@'), "{text}");
}

#[test]
fn lists_at_most_fifty_events() {
    let server = Server::start();
    server.register("ada@example.com");
    let mut pair = server.sign_in("ada@example.com");
    for _ in 0..52 {
        pair = server.sign_in("ada@example.com");
    }
    let events = activity(&server, &pair);
    assert_eq!(events.len(), 50);
    let times: Vec<_> = events.iter().map(|event| event["at"].as_str()).collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{times:?}"
    );
}

#[test]
fn requires_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
