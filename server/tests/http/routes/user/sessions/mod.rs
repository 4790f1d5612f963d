//! `/api/user/sessions`.

mod reject;
mod revoke;

use std::{thread, time::Duration};

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, TokenPair, jwt};

const PATH: &str = "/api/user/sessions";

fn sign_in_from(server: &Server, user_agent: &str) -> TokenPair {
    // Far enough apart for different timestamps.
    thread::sleep(Duration::from_millis(10));
    let response = server
        .post("/api/user/login")
        .header("user-agent", user_agent)
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    TokenPair::from(&response)
}

fn sessions(server: &Server, pair: &TokenPair) -> Vec<Value> {
    let response = server.get(PATH).token(&pair.token).send();
    assert_eq!(response.status, 200, "{response}");
    response.json().as_array().expect("a list").clone()
}

#[test]
fn lists_the_devices_newest_first() {
    let server = Server::start();
    server.register("ada@example.com");
    sign_in_from(&server, "Laptop/1.0");
    let pair = sign_in_from(&server, "Phone/2.0 (Ünïcode; x)");
    sign_in_from(&server, "");
    server.sign_up("grace@example.com");

    let session = |user_agent: &str, device: &str, current: bool| {
        json!({
            "id": "<uuid>",
            "created_at": "<time>",
            "last_used_at": "<time>",
            "ip": "127.0.0.1",
            "user_agent": user_agent,
            "device": device,
            "current": current,
        })
    };
    let response = server.get(PATH).token(&pair.token).send();
    // Header bytes beyond ASCII have no defined meaning (RFC 9110, section 5.5).
    let phone = response.json()[1]["user_agent"].clone();
    let phone = phone.as_str().expect("text");
    let response = response.assert_json(
        200,
        json!([
            session("", "Unknown device", false),
            session(phone, "Phone", true),
            session("Laptop/1.0", "Laptop", false),
        ]),
    );
    assert_eq!(response.json()[1]["id"], jwt::claims(&pair.token)["sid"]);
}

#[test]
fn names_the_devices() {
    let server = Server::start();
    server.register("ada@example.com");
    let mut pair = None;
    for user_agent in [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
         Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
        "curl/8.14.1",
    ] {
        pair = Some(sign_in_from(&server, user_agent));
    }
    let listed = sessions(&server, &pair.expect("a pair"));
    let devices: Vec<_> = listed.iter().map(|session| &session["device"]).collect();
    assert_eq!(devices, ["curl", "Safari on iPhone", "Firefox on Windows"]);
}

#[test]
fn keeps_the_order_of_many_sessions() {
    let server = Server::start();
    server.register("ada@example.com");
    let pairs: Vec<_> = (0..12).map(|_| sign_in_from(&server, "x")).collect();
    // The time of the last use makes no difference.
    server.refresh(&pairs[3].refresh_token);

    let listed = sessions(&server, &pairs[0]);
    let listed: Vec<_> = listed.iter().map(|session| session["id"].clone()).collect();
    let newest_first: Vec<_> = pairs
        .iter()
        .rev()
        .map(|pair| jwt::claims(&pair.token)["sid"].clone())
        .collect();
    assert_eq!(listed, newest_first);
}

#[test]
fn keeps_a_session_through_refreshes() {
    let server = Server::start();
    server.register("ada@example.com");
    let pair = sign_in_from(&server, "Laptop/1.0");
    let before = sessions(&server, &pair);
    thread::sleep(Duration::from_millis(20));
    let response = server
        .post("/api/user/login/refresh")
        .header("user-agent", "Laptop/1.1")
        .json(json!({"refresh_token": pair.refresh_token}))
        .send();
    let after = sessions(&server, &TokenPair::from(&response));

    assert_eq!((before.len(), after.len()), (1, 1));
    assert_eq!(after[0]["id"], before[0]["id"]);
    assert_eq!(after[0]["created_at"], before[0]["created_at"]);
    assert!(
        after[0]["last_used_at"].as_str() > before[0]["last_used_at"].as_str(),
        "{before:?} {after:?}"
    );
    assert_eq!(after[0]["current"], json!(true));
}

#[test]
fn is_not_changed_by_requests() {
    let server = Server::start();
    server.register("ada@example.com");
    let pair = sign_in_from(&server, "Laptop/1.0");
    let before = sessions(&server, &pair);
    thread::sleep(Duration::from_millis(20));
    for _ in 0..3 {
        assert_eq!(server.view(&pair.token).status, 200);
        assert_eq!(server.verify(&pair.token).status, 200);
    }
    assert_eq!(sessions(&server, &pair), before);
}

#[test]
fn omits_an_ended_session() {
    let server = Server::start();
    server.register("ada@example.com");
    let gone = sign_in_from(&server, "Gone/1.0");
    let pair = sign_in_from(&server, "Here/1.0");
    server
        .post("/api/user/logout")
        .token(&gone.token)
        .send()
        .assert_no_content();
    let listed = sessions(&server, &pair);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["user_agent"], "Here/1.0");
}

#[test]
fn lists_at_most_64_devices() {
    let server = Server::start();
    let first = server.sign_up("ada@example.com");
    let mut last = first.clone();
    for _ in 0..70 {
        last = server.sign_in("ada@example.com");
    }
    assert_eq!(sessions(&server, &last).len(), 64);
    assert_eq!(server.database().count("sessions", "true"), 64);
    server.assert_revoked(&first);
}

#[test]
fn omits_a_session_with_mfa_pending() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    for _ in 0..10 {
        let pending = server.sign_in("ada@example.com");
        server
            .view(&pending.token)
            .assert_error(403, "otp_required");
    }
    assert_eq!(sessions(&server, &factor.pair).len(), 1);
    assert_eq!(server.database().count("sessions", "true"), 9);
    let pending = server.sign_in("ada@example.com");
    let passed = server.pass_totp(&pending.token, &factor.app.code());
    let passed = TokenPair::from(&passed);
    assert_eq!(sessions(&server, &passed).len(), 2);
}

#[test]
fn ignores_a_forwarded_address() {
    let server = Server::start();
    server.register("ada@example.com");
    let response = server
        .post("/api/user/login")
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-real-ip", "203.0.113.7")
        .header("forwarded", "for=203.0.113.7")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let listed = sessions(&server, &TokenPair::from(&response));
    assert_eq!(listed[0]["ip"], "127.0.0.1");
}

#[test]
fn accepts_a_long_user_agent() {
    let server = Server::start();
    server.register("ada@example.com");
    let pair = sign_in_from(&server, &"Mozilla/5.0 ".repeat(500));
    let listed = sessions(&server, &pair);
    assert!(
        listed[0]["user_agent"]
            .as_str()
            .is_some_and(|name| name.starts_with("Mozilla/5.0 Mozilla/5.0")),
        "{listed:?}"
    );
}

#[test]
fn requires_an_access_token() {
    Server::start().assert_needs_access_token("GET", PATH);
}
