//! The log.

use serde_json::json;

use crate::support::{OTHER_PASSWORD, PASSWORD, Server, TokenPair};

#[test]
fn logs_json() {
    let server = Server::start_with(&[("LATCHKEY_LOG_FORMAT", "json")]);
    let response = server.get("/api/user/view").send();
    let id = response.header("x-request-id");
    let log = server.log();
    let events: Vec<serde_json::Value> = log
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect("a line of the log is JSON"))
        .collect();
    assert!(
        events.iter().any(|event| event.to_string().contains(id)),
        "no {id} in {log}"
    );
}

#[test]
fn logs_no_secret_at_debug_level() {
    let secret = "a-master-secret-that-nobody-may-see-in-a-log";
    let server = Server::start_with(&[("LATCHKEY_LOG", "debug"), ("LATCHKEY_SECRET", secret)]);
    let email = "wilhelmina@kaltenbrunner.example";
    let pair = server.sign_up(email);
    let renewed = TokenPair::from(&server.refresh(&pair.refresh_token));
    let delete = |password: &str| {
        let body = json!({"current_password": password});
        server
            .post("/api/user/delete")
            .token(&renewed.token)
            .json(body)
            .send()
    };
    server.try_sign_in(email, OTHER_PASSWORD);
    server.try_sign_in("hildegard@kaltenbrunner.example", OTHER_PASSWORD);
    server.verify(&renewed.token);
    server.verify(&format!("{}x", renewed.token));
    server.view(&renewed.token);
    server.view(&format!("{}x", renewed.token));
    server
        .get(&format!("/login?next=/{}&email={email}", pair.token))
        .send();
    server
        .post("/api/user/create")
        .json(json!({"email": email, "password": PASSWORD}))
        .send()
        .assert_field_errors(&["email"]);
    server
        .post("/api/user/login")
        .body(
            "application/json",
            format!("{{\"password\": \"{PASSWORD}\""),
        )
        .send();
    let column = |name: &str| {
        server
            .database()
            .text(&format!("SELECT CAST({name} AS TEXT) FROM users"))
    };
    let (key, hash) = (column("jwt_secret"), column("password_hash"));
    delete(OTHER_PASSWORD).assert_field_errors(&["current_password"]);
    delete(PASSWORD).assert_no_content();

    let log = server.log();
    assert!(log.contains("/api/user/delete"), "no requests: {log}");
    let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
    for word in [
        PASSWORD,
        OTHER_PASSWORD,
        secret,
        "wilhelmina",
        "hildegard",
        &key,
        &hash,
        hash.rsplit_once('$').unwrap().1,
        &signature(&pair.token),
        &signature(&pair.refresh_token),
        &signature(&renewed.token),
        &signature(&renewed.refresh_token),
        pair.token.split('.').nth(1).unwrap(),
        pair.refresh_token.split('.').nth(1).unwrap(),
    ] {
        assert!(!log.contains(word), "{word} is in the log");
    }
}
