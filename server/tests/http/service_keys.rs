//! `latchkey key …` beside a running server.

use crate::support::{Output, Server, TestEnv};

fn run(env: &TestEnv, arguments: &[&str]) -> Output {
    let output = env.run(&[&["key"], arguments].concat());
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{output:?}");
    output
}

/// Returns the columns of each line of `latchkey key list`, without times.
fn list(env: &TestEnv) -> Vec<Vec<String>> {
    let output = run(env, &["list"]);
    let mut lines = output.stdout.lines();
    let header = lines.next();
    let expected = "ID\tNAME\tSCOPES\tCREATED\tEXPIRES\tLAST USED";
    assert_eq!(header, Some(expected));
    let without_times = |column: &str| match column {
        time if time.starts_with("20") && time.ends_with('Z') => "<time>".to_owned(),
        other => other.to_owned(),
    };
    lines
        .map(|line| line.split('\t').map(without_times).collect())
        .collect()
}

#[test]
fn keys_are_created_listed_and_revoked() {
    let server = Server::start();
    let env = server.env();
    assert_eq!(list(env), Vec::<Vec<String>>::new());
    let created = run(
        env,
        &["create", "--name", "a backend", "--scope", "tokens:verify"],
    );
    // The key is alone on its line, for `key=$(latchkey key create …)`.
    let key = created.stdout.strip_suffix('\n').expect("a line");
    let id = &key[3..35];
    assert!(key.starts_with("lk_") && key.len() == 79, "{key}");
    assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_eq!(&key[35..36], "_");
    let scopes = ["--scope", "users:read", "audit:read", "users:read"];
    let arguments = [
        &["create", "--name", "re\u{202e}ports", "--expires", "90d"],
        &scopes[..],
    ];
    let refused = env.run(&[&["key"], &*arguments.concat()].concat());
    let line = refused.assert_fails_with_one_line();
    assert!(line.contains("name: A name has no control"), "{line}");
    let mut arguments = arguments.concat();
    arguments[2] = "reports";
    run(env, &arguments);

    let keys = list(env);
    let id = id.parse::<uuid::Uuid>().expect("a UUID").to_string();
    assert_eq!(keys.len(), 2);
    assert_eq!(
        keys[0],
        [
            &*id,
            "a backend",
            "tokens:verify",
            "<time>",
            "never",
            "never"
        ]
    );
    assert_eq!(
        keys[1][1..],
        [
            "reports",
            "users:read audit:read",
            "<time>",
            "<time>",
            "never"
        ]
    );
    run(env, &["revoke", &id]);
    assert_eq!(list(env), [keys[1].clone()]);
    let again = env.run(&["key", "revoke", &id]);
    let line = again.assert_fails_with_one_line();
    assert!(line.contains("no service key"), "{line}");
}

#[test]
fn wrong_options_are_named() {
    let env = TestEnv::without_tables();
    for arguments in [
        &["create", "--scope", "tokens:verify"][..],
        &["create", "--name", "x"],
        &["create", "--name", "x", "--scope", "everything"],
        &[
            "create",
            "--name",
            "x",
            "--scope",
            "users:read",
            "--expires",
            "soon",
        ],
        &["revoke"],
        &["destroy"],
    ] {
        let output = env.run(&[&["key"], arguments].concat());
        assert_eq!(output.code, Some(2), "{arguments:?} {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
    }
    // Nothing is created where there is no database yet.
    let output = env.run(&["key", "create", "--name", "x", "--scope", "users:read"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("no database"), "{line}");
}
