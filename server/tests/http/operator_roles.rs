//! `latchkey user show`, `email`, `grant-role` and so on, beside a running server and without one.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Output, PASSWORD, Server, TestEnv, TokenPair, jwt};

#[track_caller]
fn run(env: &TestEnv, arguments: &[&str]) -> String {
    let output = try_run(env, arguments);
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{output:?}");
    output.stdout
}

fn try_run(env: &TestEnv, arguments: &[&str]) -> Output {
    env.run(arguments)
}

/// The objects that a command prints, one per line.
#[track_caller]
fn objects(env: &TestEnv, arguments: &[&str]) -> Vec<Value> {
    let output = run(env, &[arguments, &["--json"]].concat());
    let lines = output.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

const ADA: [&str; 2] = ["--email", "ada@example.com"];

#[test]
fn grants_and_revokes_roles() {
    let server = Server::start();
    let env = server.env();
    let pair = server.sign_up("ada@example.com");
    let grant = [&["user", "grant-role"], &ADA[..]].concat();
    let revoke = [&["user", "revoke-role"], &ADA[..]].concat();
    let printed = run(env, &[&grant[..], &["--role", "editor", "beta"]].concat());
    assert_eq!(printed, "Roles of ada@example.com: beta, editor\n");
    let pair = TokenPair::from(&server.refresh(&pair.refresh_token));
    assert_eq!(jwt::claims(&pair.token)["roles"], json!(["beta", "editor"]));
    let printed = run(env, &[&revoke[..], &["--role", "beta", "editor"]].concat());
    assert_eq!(printed, "Roles of ada@example.com: none\n");
    assert_eq!(server.view(&pair.token).json()["roles"], json!([]));
    let output = try_run(env, &[&grant[..], &["--role", "NOT ONE"]].concat());
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("A role has"), "{line}");
}

#[test]
fn makes_administrators_and_keeps_the_last_one() {
    let server = Server::start();
    let env = server.env();
    let pair = server.sign_up("ada@example.com");
    run(env, &[&["user", "grant-admin"], &ADA[..]].concat());
    let list = || server.get("/api/admin/users").token(&pair.token).send();
    assert_eq!(list().status, 200);
    for command in ["revoke-admin", "delete"] {
        let output = try_run(env, &[&["user", command], &ADA[..]].concat());
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("last administrator"), "{line}");
    }
    server.administrator("root@example.com");
    run(env, &[&["user", "revoke-admin"], &ADA[..]].concat());
    list().assert_error(403, "permission_denied");
    run(env, &[&["user", "delete"], &ADA[..]].concat());
    server.assert_revoked(&pair);
}

#[test]
fn changes_an_email_address() {
    let server = Server::start();
    let env = server.env();
    let pair = server.sign_up_verified("ada@example.com");
    server.register("grace@example.com");
    server.take_all_emails();
    let email = [&["user", "email"], &ADA[..]].concat();
    for (new, message) in [
        ("nonsense", "new_email"),
        ("GRACE@example.com", "already exists"),
    ] {
        let output = try_run(env, &[&email[..], &["--new-email", new]].concat());
        let line = output.assert_fails_with_one_line();
        assert!(line.contains(message), "{line}");
    }
    run(
        env,
        &[&email[..], &["--new-email", "Lovelace@example.com"]].concat(),
    );
    let view = server.view(&pair.token).json();
    assert_eq!(view["email"], "Lovelace@example.com");
    assert_eq!(view["email_verified"], true);
    let notice = server.take_email("ada@example.com", "Your email address was changed");
    assert!(notice.text.contains("Lovelace@example.com"), "{notice:?}");
    server.sign_in("lovelace@example.com");
}

#[test]
fn prints_json_also_without_a_server() {
    let env = Arc::new(TestEnv::new());
    let server = env.start(&[]);
    server.register("ada@example.com");
    let key = server.service_key("users:read");
    drop(server);
    let mut command = env.command(&[]);
    command.args(["user", "create", "--email", "root@example.com", "--admin"]);
    assert_eq!(env.run_command(command, PASSWORD).code, Some(0));
    run(
        &env,
        &[&["user", "grant-role", "--role", "editor"], &ADA[..]].concat(),
    );

    let users = objects(&env, &["user", "list"]);
    let emails: Vec<_> = users.iter().map(|user| &user["email"]).collect();
    assert_eq!(emails, ["ada@example.com", "root@example.com"]);
    assert_eq!(users[0]["roles"], json!(["editor"]));
    let shown = objects(&env, &[&["user", "show"], &ADA[..]].concat());
    assert_eq!(shown, users[..1]);
    let text = run(&env, &[&["user", "show"], &ADA[..]].concat());
    assert!(text.contains("Email: ada@example.com\n"), "{text}");
    assert!(text.contains("Roles: editor\n"), "{text}");
    assert!(text.contains("Administrator: no\n"), "{text}");
    let keys = objects(&env, &["key", "list"]);
    assert_eq!(keys[0]["scopes"], json!(["users:read"]));
    assert!(!format!("{keys:?}").contains(&key[36..]));
    let events = objects(&env, &[&["audit"], &ADA[..]].concat());
    assert_eq!(events[0]["event"], "operator_changed_roles");
    assert_eq!(events[0]["actor"], Value::Null);
    assert_eq!(events[1]["event"], "registered");
    // A name with characters that control a terminal is escaped.
    env.database
        .execute("UPDATE users SET name = 'a\u{1b}[31m\u{202e}b'");
    let line = run(&env, &[&["user", "show", "--json"], &ADA[..]].concat());
    assert!(line.contains(r"a\u001b[31m\u202eb"), "{line}");
    let text = run(&env, &[&["user", "show"], &ADA[..]].concat());
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text}"
    );
}

#[test]
fn fails_for_an_unknown_user() {
    let server = Server::start();
    for arguments in [
        &["user", "show"][..],
        &["user", "delete"],
        &["user", "grant-admin"],
        &["user", "grant-role", "--role", "x"],
        &["user", "email", "--new-email", "new@example.com"],
    ] {
        let output = try_run(server.env(), &[arguments, &ADA[..]].concat());
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("no user ada@example.com"), "{line}");
    }
}

#[test]
fn invites_users() {
    let server = Server::start_with(&[("LATCHKEY_REGISTRATION", "invite")]);
    let env = server.env();
    let invite = [&["user", "invite"], &ADA[..], &["--role", "editor"]].concat();
    let printed = run(env, &[&invite[..], &["--name", "Ada"]].concat());
    assert!(printed.starts_with("Invited ada@example.com"), "{printed}");
    let output = try_run(env, &invite);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("a short time ago"), "{line}");
    let email = server.take_email("ada@example.com", "You are invited to create an account");
    let token = email.token(&format!("{}/register", server.url()));
    let [invitation] = &objects(env, &["user", "invitations"])[..] else {
        panic!("not one invitation");
    };
    assert_eq!(invitation["invited_by"], Value::Null);
    assert_eq!(invitation["roles"], json!(["editor"]));
    let id = invitation["id"].as_str().expect("an ID");
    let listed = run(env, &["user", "invitations"]);
    assert!(listed.contains(&format!("ada@example.com\t{id}\tAda\teditor\tno\t")));
    run(env, &["user", "revoke-invitation", id]);
    let output = try_run(env, &["user", "revoke-invitation", id]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("there is no invitation"), "{line}");
    let body = json!({"invitation": token, "password": PASSWORD});
    server
        .post("/api/user/create")
        .json(body)
        .send()
        .assert_field_errors(&["invitation"]);
}
