//! `latchkey user import` and `export`, beside a running server and without one.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::support::{Output, Server, TestEnv};

/// Made by Django, of "open sesame".
const DJANGO: &str = "pbkdf2_sha256$2$saltsalt$pkrRe3wmjjFNvdznO+05fULN+4b2VLK5c5bh1ihd7Vw=";
const DJANGO_PASSWORD: &str = "open sesame";

/// Imports a text from standard input.
fn import(env: &TestEnv, text: &str, options: &[&str]) -> Output {
    let mut command = env.command(&[]);
    command.args(["user", "import", "-"]).args(options);
    env.run_command(command, text)
}

#[track_caller]
fn assert_imports(output: &Output, expected: &str) {
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{output:?}");
    assert_eq!(output.stdout, expected);
}

/// The lines that were printed, and the one that says why the command failed.
#[track_caller]
fn failure(output: &Output) -> (Vec<&str>, &str) {
    let line = output.assert_fails_with_one_line();
    (output.stdout.lines().collect(), line)
}

fn exported(env: &TestEnv) -> String {
    let output = env.run(&["user", "export"]);
    assert_eq!((output.code, &*output.stderr), (Some(0), ""), "{output:?}");
    output.stdout
}

/// Ada, Grace who exists, and two lines that are not right. With what is reported.
fn lines() -> (String, [&'static str; 3]) {
    let line =
        |email: &str| json!({"email": email, "password_hash": DJANGO, "shoe": 39}).to_string();
    let lines = ["ada@example.com", "Grace@example.com", "no address"].map(line);
    let report = [
        "line 2: Grace@example.com: email: A user with that email already exists.",
        "line 3: no address: email: Enter a valid email address.",
        "line 5: (no email): it ends in the middle of a JSON object",
    ];
    (format!("{}\n\n{{\"email\":", lines.join("\n")), report)
}

#[test]
fn imports_users_beside_a_running_server_and_again() {
    let server = Server::start();
    let env = server.env();
    server.sign_up("grace@example.com");
    let file = env.folder().join("users.jsonl");
    let (text, report) = lines();
    fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let signs_in = |password| server.try_sign_in("ada@example.com", password).status == 200;
    for (options, result) in [
        (&["--dry-run"][..], "1 user can be imported"),
        (&[], "Imported 1 user"),
    ] {
        assert!(!signs_in(DJANGO_PASSWORD));
        let output = env.run(&[&["user", "import", path], options].concat());
        let (printed, line) = failure(&output);
        let expected = [&report[..], &[result, "Ignored fields: shoe"]].concat();
        assert_eq!(printed, expected);
        let left_out = "3 users left out: 1 existed already, 2 rejected";
        assert!(line.contains(left_out), "{line}");
    }
    assert!(exported(env).contains(DJANGO));
    assert!(!signs_in("wrong password"));
    assert!(signs_in(DJANGO_PASSWORD));
    assert!(!exported(env).contains("pbkdf2"));
    assert!(signs_in(DJANGO_PASSWORD));

    let output = env.run(&["user", "import", path]);
    let (printed, line) = failure(&output);
    let exists = "line 1: ada@example.com: email: A user with that email already exists.";
    assert_eq!(printed[0], exists);
    assert!(line.contains("2 existed already, 2 rejected"), "{line}");
}

#[test]
fn imports_users_before_the_first_start() {
    let env = TestEnv::new();
    let row = format!(
        "email,name,roles,is_admin,email_verified,password_hash\r\n\
         ada@example.com,\"Lovelace, Ada\",\"a,b\",t,1,{DJANGO}\r\n"
    );
    assert_imports(
        &import(&env, &row, &["--format", "csv"]),
        "Imported 1 user\n",
    );
    let user: Value = serde_json::from_str(&exported(&env)).unwrap();
    assert_eq!(user["name"], "Lovelace, Ada");
    assert_eq!(user["roles"], json!(["a", "b"]));
    assert_eq!(
        (&user["is_admin"], &user["email_verified"]),
        (&json!(true), &json!(true))
    );
    let server = env.start(&[]);
    let signed_in = server.try_sign_in("ada@example.com", DJANGO_PASSWORD);
    assert_eq!(signed_in.status, 200);
}

/// What dumpdata writes, with other models between the users.
fn dump() -> String {
    let user = |pk: Value, fields: Value| json!({"model": "auth.user", "pk": pk, "fields": fields});
    let entries = json!([
        {"model": "auth.group", "pk": 3, "fields": {"name": "Content Editors", "permissions": [1, 2]}},
        {"model": "sessions.session", "pk": "x", "fields": {"session_data": "}]{\"", "expire_date": null}},
        user(json!(1), json!({
            "password": DJANGO, "last_login": null, "is_superuser": true, "is_staff": true, "is_active": true,
            "date_joined": "2024-05-06T07:08:09.123", "first_name": "Ada", "last_name": "Lovelace",
            "email": "ada@example.com", "username": "ada \"quoted\" \\", "groups": [3], "user_permissions": [],
        })),
        user(json!("0d5e1c3a-6a5e-4d0b-9c59-0f5a3f4f5a11"), json!({
            "password": "!unusable", "last_login": "2024-05-06T07:08:09Z", "is_superuser": false,
            "is_active": false, "date_joined": "2024-05-06T07:08:09.123456+02:00", "name": "Grace",
            "email": "grace@example.com", "username": "grace@example.com", "groups": [["beta"]],
        })),
        user(json!(4), json!({"password": DJANGO, "email": "x@example.com", "groups": [7]})),
        user(json!(5), json!({"password": "md5$a$b", "email": "", "groups": []})),
    ]);
    serde_json::to_string_pretty(&entries).expect("JSON")
}

#[test]
fn imports_what_django_dumps() {
    let env = TestEnv::new();
    let dump = dump();
    let output = import(&env, &dump, &["--format", "django", "--verified"]);
    let (printed, line) = failure(&output);
    assert_eq!(printed.len(), 3, "{printed:?}");
    assert!(
        printed[0].contains(": x@example.com: groups: One is given by its number."),
        "{printed:?}"
    );
    assert!(
        printed[1].contains("(no email): email: This field is required. password_hash: "),
        "{printed:?}"
    );
    assert_eq!(printed[2], "Imported 2 users");
    assert!(line.contains("0 existed already, 2 rejected"), "{line}");
    let users = exported(&env);
    let mut users: Vec<Value> = users
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    users.sort_by_key(|user| user["email"].to_string());
    let id = users[0]["id"].clone();
    assert_eq!(
        users,
        [
            json!({
                "email": "ada@example.com", "id": id, "password_hash": DJANGO, "name": "Ada Lovelace",
                "roles": ["content-editors"], "is_active": true, "is_admin": true, "email_verified": true,
                "date_joined": "2024-05-06T07:08:09.123Z", "last_login": null, "metadata": {},
                "app_metadata": {"django_id": 1, "username": "ada \"quoted\" \\"},
            }),
            json!({
                "email": "grace@example.com", "id": "0d5e1c3a-6a5e-4d0b-9c59-0f5a3f4f5a11",
                "password_hash": null, "name": "Grace", "roles": ["beta"], "is_active": false,
                "is_admin": false, "email_verified": true, "date_joined": "2024-05-06T05:08:09.123Z",
                "last_login": "2024-05-06T07:08:09.000Z", "metadata": {}, "app_metadata": {},
            }),
        ]
    );
}

#[test]
fn what_was_read_before_the_file_breaks_off_is_imported() {
    let env = TestEnv::new();
    let dump = dump();
    let end = dump.find("x@example.com").unwrap();
    let output = import(&env, &dump[..end], &["--format", "django"]);
    let (printed, line) = failure(&output);
    assert_eq!(printed, ["Imported 2 users"]);
    assert!(
        line.contains("it ends in the middle of the object that begins in line 6"),
        "{line}"
    );
    for (text, format, expected) in [
        (
            &dump[..dump.len() - 1],
            "django",
            "before the end of the array",
        ),
        (
            "[{\"model\": \"a.b\", \"pk\": 1, \"fields\": {}}]",
            "django",
            "there is no user in it",
        ),
        (
            "nonsense",
            "django",
            "line 1 has something else between the objects",
        ),
        (&*dump, "jsonl", "add --format django"),
        ("mail\nx\n", "csv", "email among them"),
    ] {
        let output = import(&env, text, &["--format", format]);
        let (_, line) = failure(&output);
        assert!(line.contains(expected), "{line}");
    }
    let output = env.run(&["user", "import", "missing.jsonl"]);
    let (_, line) = failure(&output);
    assert!(line.contains("can't read missing.jsonl"), "{line}");
    let output = env.run(&["user", "import", "."]);
    assert!(failure(&output).1.contains("can't read ."));
    assert_eq!(
        env.run(&["user", "import", "x", "--format", "xml"]).code,
        Some(2)
    );
}

#[test]
fn exports_to_a_private_file_that_another_server_imports() {
    let env = TestEnv::new();
    let lines: Vec<_> = (0..501)
        .map(|number| {
            json!({"email": format!("user-{number}@example.com"), "name": "é"}).to_string()
        })
        .collect();
    assert_imports(
        &import(&env, &lines.join("\n"), &[]),
        "Imported 501 users\n",
    );
    let file = env.folder().join("out.jsonl");
    let path = file.to_str().unwrap();
    let output = env.run(&["user", "export", path]);
    assert_eq!((output.code, &*output.stdout), (Some(0), ""), "{output:?}");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 501);
    assert_eq!(exported(&env), text);
    // An existing file is not overwritten.
    let output = env.run(&["user", "export", path]);
    assert!(failure(&output).1.contains("can't write to"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);

    let other = TestEnv::new();
    assert_imports(
        &other.run(&["user", "import", path]),
        "Imported 501 users\n",
    );
    assert_eq!(exported(&other), text);
}
