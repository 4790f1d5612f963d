//! The log.

use std::{fs, net::TcpListener};

use serde_json::{Value, json};

use crate::support::{OTHER_PASSWORD, Output, PASSWORD, Server, TestEnv, TokenPair};

const JSON: (&str, &str) = ("LATCHKEY_LOG_FORMAT", "json");

/// The lines of a log, each of which must be JSON.
#[track_caller]
fn json_lines(log: &str) -> Vec<Value> {
    let lines = log.lines().map(|line| {
        let value: Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "message", "target"] {
            assert!(value[field].is_string(), "no {field}: {line}");
        }
        value
    });
    lines.collect()
}

#[test]
fn logs_nothing_but_json() {
    let mut server = Server::start_with(&[
        JSON,
        ("LATCHKEY_SITE_NAM", "Example"),
        ("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1"),
    ]);
    let response = server.get("/api/user/view").send();
    let id = response.header("x-request-id").to_owned();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let lines = json_lines(&server.log());
    for (level, part) in [
        ("WARN", "did you mean LATCHKEY_SITE_NAME?"),
        ("WARN", "LATCHKEY_MAIL_FROM: mail servers refuse emails"),
        ("INFO", "Latchkey is serving http://"),
        ("INFO", "shutting down"),
    ] {
        let is_it = |line: &&Value| {
            let message = line["message"].as_str();
            line["level"] == level && message.is_some_and(|message| message.contains(part))
        };
        assert_eq!(lines.iter().filter(is_it).count(), 1, "{part}: {lines:?}");
    }
    let of_request = lines.iter().find(|line| line["span"]["request_id"] == *id);
    let of_request = of_request.expect("a line of the request");
    assert_eq!(of_request["message"], "request completed");
    assert_eq!(of_request["status"], 401);
}

fn run(env: &TestEnv, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = env.command(settings);
    command.args(arguments);
    env.run_command(command, "")
}

/// The program fails, and its last line says why. All lines are JSON.
#[track_caller]
fn assert_fails_with_json(output: &Output, code: i32, part: &str) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert_eq!(output.stdout, "", "{output:?}");
    let lines = json_lines(&output.stderr);
    let last = lines.last().expect("a line");
    assert_eq!(last["level"], "ERROR", "{output:?}");
    let message = last["message"].as_str().expect("a text");
    assert!(message.contains(part), "no {part}: {output:?}");
}

#[test]
fn what_stops_the_start_is_logged_as_json() {
    let env = TestEnv::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let taken = listener.local_addr().expect("a port").to_string();
    let secret = ("LATCHKEY_SECRET", "short");
    for (setting, arguments, code, part) in [
        (secret, &[][..], 1, "LATCHKEY_SECRET"),
        (
            ("LATCHKEY_ACCESS_TTL", "soon"),
            &[],
            1,
            "LATCHKEY_ACCESS_TTL",
        ),
        (
            ("LATCHKEY_SITE_ROOT", "/no/folder"),
            &["serve"],
            1,
            "LATCHKEY_SITE_ROOT",
        ),
        (
            ("LATCHKEY_METRICS_LISTEN", &taken),
            &[],
            1,
            "LATCHKEY_METRICS_LISTEN",
        ),
        (
            ("DATABASE_URL", "postgres://127.0.0.1:1/none"),
            &[],
            1,
            "DATABASE_URL",
        ),
        (JSON, &["--access-ttl", "soon"], 2, "--access-ttl"),
        (JSON, &["--no-such-flag"], 2, "--no-such-flag"),
        (JSON, &["serve", "--no-such-flag"], 2, "--no-such-flag"),
        (JSON, &["backup", "/no/folder", "--every", "1h"], 1, ""),
    ] {
        let output = run(&env, &[JSON, setting], arguments);
        assert_fails_with_json(&output, code, part);
    }
    // Those who type commands read words.
    let output = run(&env, &[JSON], &["audit", "--email", "nobody@example.com"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.starts_with("latchkey: "), "{line}");
}

/// The format counts wherever it is set, also when another setting can't be read.
#[test]
fn the_format_of_the_log_is_found_where_it_is_set() {
    let env = TestEnv::new();
    let secret = ("LATCHKEY_SECRET", "short");
    let run = |settings: &[(&str, &str)], arguments: &[&str]| run(&env, settings, arguments);
    for arguments in [
        &["--log-format", "json"][..],
        &["serve", "--log-format=json"],
    ] {
        assert_fails_with_json(&run(&[secret], arguments), 1, "LATCHKEY_SECRET");
    }
    let text = run(&[JSON, secret], &["--log-format=text"]);
    let text = text.assert_fails_with_one_line();
    assert!(text.starts_with("latchkey: LATCHKEY_SECRET: "), "{text}");
    let file = env.folder().join("format");
    fs::write(&file, "json\n").expect("a file");
    let file = file.to_str().expect("a path in UTF-8");
    let output = run(&[("LATCHKEY_LOG_FORMAT_FILE", file), secret], &[]);
    assert_fails_with_json(&output, 1, "LATCHKEY_SECRET");
    let dotenv = env.folder().join(".env");
    fs::write(&dotenv, "LATCHKEY_LOG_FORMAT=json\n").expect("a file");
    assert_fails_with_json(&run(&[secret], &[]), 1, "LATCHKEY_SECRET");
    fs::write(&dotenv, "no setting\n").expect("a file");
    assert_fails_with_json(&run(&[JSON], &[]), 1, ".env");
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
