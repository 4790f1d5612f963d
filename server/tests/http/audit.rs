//! `latchkey audit`: the audit events of an account.

use std::time::Duration;

use serde_json::json;

use crate::support::{Output, PASSWORD, Server, TokenPair, jwt, wait_until};

fn audit(server: &Server, arguments: &[&str]) -> Output {
    let arguments = [&["audit", "--email", "ada@example.com"], arguments].concat();
    server.env().run(&arguments)
}

/// Returns the columns of each line.
#[track_caller]
fn lines(output: &Output) -> Vec<Vec<&str>> {
    assert_eq!(output.code, Some(0), "{output:?}");
    let lines = output.stdout.lines().map(|line| line.split('\t').collect());
    lines.collect()
}

#[test]
fn prints_a_line_for_each_event_newest_first() {
    let server = Server::start();
    server.register("ada@example.com");
    server.sign_up("grace@example.com");
    let signed_in = server
        .post("/api/user/login")
        .header("user-agent", "Phone/2.0\t(evil)")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let signed_out = server
        .env()
        .run(&["user", "sign-out", "--email", "ada@example.com"]);
    assert_eq!(signed_out.code, Some(0), "{signed_out:?}");

    let output = audit(&server, &[]);
    let lines = lines(&output);
    assert_eq!(lines.len(), 3, "{output:?}");
    assert_eq!(lines[0][1..], ["operator_signed_out", "1", "-", "-"]);
    let request = format!("request {}", signed_in.header("x-request-id"));
    assert_eq!(
        lines[1][1..],
        ["signed_in", "1", "127.0.0.1", "Phone/2.0 (evil)", &request]
    );
    assert_eq!(lines[2][1..4], ["registered", "1", "127.0.0.1"]);
    for line in &lines {
        let time =
            time::OffsetDateTime::parse(line[0], &time::format_description::well_known::Rfc3339);
        assert!(time.is_ok(), "{line:?}");
    }
    assert!(!output.stdout.contains('@'), "{output:?}");
}

#[test]
fn prints_the_first_and_the_last_source() {
    let server = Server::start();
    server.register("ada@example.com");
    let mut request = String::new();
    for user_agent in ["First/1", "Second/2", "Last/3"] {
        let login = server
            .post("/api/user/login")
            .header("user-agent", user_agent)
            .json(json!({"email": "ada@example.com", "password": "wrong"}))
            .send();
        request = format!("request {}", login.header("x-request-id"));
        login.assert_error(401, "invalid_credentials");
    }
    wait_until("the event", Duration::from_secs(10), || {
        server.database().count("audit_events", "count = 3") == 1
    });
    let output = audit(&server, &["--limit", "1"]);
    let here = "127.0.0.1";
    assert_eq!(
        lines(&output)[0][1..],
        [
            "sign_in_failed",
            "3",
            here,
            "Last/3",
            here,
            "First/1",
            &request
        ]
    );
}

#[test]
fn shows_who_deleted_an_account() {
    let server = Server::start();
    let root = server.administrator("root@example.com");
    let key = server.service_key("users:write");
    let pair = server.sign_up("ada@example.com");
    let deletion = server
        .post("/api/user/delete")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD}))
        .send();
    assert_eq!(deletion.status, 204, "{deletion}");
    let mut requests = vec![deletion.header("x-request-id").to_owned()];
    for token in [&root.token, &key] {
        let id = server.register("ada@example.com").id;
        let deletion = server.delete_user(token, &id);
        assert_eq!(deletion.status, 204, "{deletion}");
        requests.push(deletion.header("x-request-id").to_owned());
    }
    server.register("ada@example.com");
    let deletion = ["user", "delete", "--email", "ada@example.com"];
    let deletion = server.env().run(&deletion);
    assert_eq!(deletion.code, Some(0), "{deletion:?}");

    let output = audit(&server, &[]);
    let lines = lines(&output);
    assert_eq!(lines.len(), 4, "{output:?}");
    let [by_user, by_root, by_key] = [0, 1, 2].map(|index| format!("request {}", requests[index]));
    let (name, here) = ("account_deleted", "127.0.0.1");
    assert_eq!(lines[0][1..], [name, "1", "-", "-"]);
    let by = "by service key a test";
    assert_eq!(lines[1][1..], [name, "1", here, "-", by, &by_key]);
    let by = "by user root@example.com";
    assert_eq!(lines[2][1..], [name, "1", here, "-", by, &by_root]);
    assert_eq!(lines[3][1..], [name, "1", here, "-", &by_user]);
    // Each leads to the log lines of its request.
    let log = server.log();
    for request in requests {
        let of_request = |line: &&str| line.contains(&request) && line.contains("status=204");
        assert_eq!(log.lines().filter(of_request).count(), 1, "{log}");
    }
}

#[test]
fn limits_the_number_of_events() {
    let server = Server::start();
    server.register("ada@example.com");
    for _ in 0..54 {
        server.sign_in("ada@example.com");
    }
    assert_eq!(lines(&audit(&server, &[])).len(), 50);
    assert_eq!(lines(&audit(&server, &["--limit", "2"])).len(), 2);
    assert_eq!(lines(&audit(&server, &["--limit", "1000"])).len(), 55);
    for bad in ["-1", "many", ""] {
        assert_eq!(audit(&server, &["--limit", bad]).code, Some(2), "{bad}");
    }
}

#[test]
fn fails_for_an_unknown_user() {
    let server = Server::start();
    for email in ["nobody@example.com", "not an address"] {
        let output = server.env().run(&["audit", "--email", email]);
        output.assert_fails_with_one_line();
    }
    let output = server
        .env()
        .run(&["audit", "--email", "nobody@example.com"]);
    assert!(output.stderr.contains("nobody@example.com"), "{output:?}");
    assert_eq!(server.env().run(&["audit"]).code, Some(2));
}

#[test]
fn records_a_reused_refresh_token() {
    let server = Server::start_with(&[("LATCHKEY_REFRESH_GRACE", "0s")]);
    let stolen = server.sign_up("ada@example.com");
    let mut token = stolen.refresh_token.clone();
    for _ in 0..2 {
        token = TokenPair::from(&server.refresh(&token)).refresh_token;
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    server
        .refresh(&stolen.refresh_token)
        .assert_error(401, "token_invalid");
    let output = audit(&server, &[]);
    assert_eq!(lines(&output)[0][1], "refresh_token_reused");
    let about = server.database().text(
        "SELECT CAST(session_id AS TEXT) FROM audit_events WHERE event = 'refresh_token_reused'",
    );
    assert_eq!(jwt::claims(&stolen.token)["sid"], about);
}

#[test]
fn rejects_an_invalid_audit_lifetime() {
    let server = Server::start();
    let mut command = server.env().command(&[("LATCHKEY_AUDIT_TTL", "soon")]);
    command.arg("migrate");
    let output = server.env().run_command(command, "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_AUDIT_TTL"), "{line}");
}
