//! Passwords that have appeared in data breaches: building the file, and refusing them.

use std::{fs, os::unix::fs::PermissionsExt, sync::Arc};

use serde_json::{Value, json};

use crate::support::{Output, PASSWORD, Server, TestEnv, breached_list, breached_passwords_file};

const BREACHED: &str = "mauve-teapot-41-harbour";
const MESSAGE: &str =
    "This password has appeared in a data breach, so attackers try it. Choose another one.";

/// Starts a server that knows [`BREACHED`] and these.
fn server_with(others: &[&str]) -> Server {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[&[BREACHED], others].concat());
    start(&env, &path)
}

fn start(env: &Arc<TestEnv>, path: &str) -> Server {
    env.start(&[("LATCHKEY_BREACHED_PASSWORDS", path)])
}

fn create(server: &Server, password: &str, language: &str) -> (u16, Value) {
    let response = server
        .post("/api/user/create")
        .header("accept-language", language)
        .json(json!({"email": "ada@example.com", "password": password}))
        .send();
    (response.status, response.json())
}

fn build(env: &TestEnv, arguments: &[&str], list: &str) -> Output {
    let mut command = env.command(&[]);
    command.args(["passwords", "build"]).args(arguments);
    env.run_command(command, list)
}

#[test]
fn no_account_is_created_with_one() {
    let server = server_with(&[]);
    for (language, message) in [
        ("en", MESSAGE),
        (
            "de",
            "Dieses Passwort ist bei einem Datenleck bekannt geworden, deshalb probieren Angreifer es aus. \
             Wählen Sie ein anderes.",
        ),
        (
            "fr",
            "Ce mot de passe est apparu dans une fuite de données, les attaquants l’essaient donc. \
             Choisissez-en un autre.",
        ),
    ] {
        assert_eq!(
            create(&server, BREACHED, language),
            (400, json!({"password": [message]}))
        );
    }
    assert_eq!(create(&server, "Mauve-teapot-41-harbour", "en").0, 201);
    let log = server.log();
    assert!(!log.contains(BREACHED), "{log}");
    // Other rules come first, and the file is not searched then.
    server
        .post("/api/user/password/check")
        .json(json!({"password": "password123"}))
        .send()
        .assert_json(
            200,
            json!({"strength": "weak", "messages": [
                "This password is too common: it is among the first that attackers try."
            ]}),
        );
}

#[test]
fn none_is_chosen_later() {
    let server = server_with(&[]);
    let pair = server.sign_up_verified("ada@example.com");
    server
        .post("/api/user/password/change")
        .token(&pair.token)
        .json(json!({"current_password": PASSWORD, "new_password": BREACHED}))
        .send()
        .assert_json(400, json!({"new_password": [MESSAGE]}));
    server
        .post("/api/user/password/check")
        .json(json!({"password": BREACHED}))
        .send()
        .assert_json(200, json!({"strength": "weak", "messages": [MESSAGE]}));
    server.reset("ada@example.com");
    let token = server.reset_token("ada@example.com");
    server
        .post("/api/user/password/reset/confirm")
        .json(json!({"token": token, "new_password": BREACHED}))
        .send()
        .assert_json(400, json!({"new_password": [MESSAGE]}));
    server.sign_in("ada@example.com");
}

#[test]
fn neither_commands_nor_settings_choose_one() {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[BREACHED]);
    let breached = ("LATCHKEY_BREACHED_PASSWORDS", path.as_str());
    let run = |arguments: &[&str], password: &str| {
        let mut command = env.command(&[breached]);
        command.args(arguments);
        env.run_command(command, password)
    };
    let create = ["user", "create", "--email", "ada@example.com"];
    let output = run(&create, BREACHED);
    assert_eq!(
        output.assert_fails_with_one_line(),
        format!("latchkey: password: {MESSAGE}")
    );
    assert_eq!(run(&create, PASSWORD).code, Some(0));
    let output = run(
        &["user", "password", "--email", "ada@example.com"],
        BREACHED,
    );
    assert_eq!(
        output.assert_fails_with_one_line(),
        format!("latchkey: new_password: {MESSAGE}")
    );
    let settings = [
        breached,
        ("LATCHKEY_ADMIN_EMAIL", "root@example.com"),
        ("LATCHKEY_ADMIN_PASSWORD", BREACHED),
        ("LATCHKEY_LOG", "off"),
    ];
    let output = env.run_command(env.command(&settings), "");
    assert_eq!(
        output.assert_fails_with_one_line(),
        format!("latchkey: LATCHKEY_ADMIN_PASSWORD: {MESSAGE}")
    );
}

/// The list has what people typed, in whatever form.
#[test]
fn both_forms_of_a_password_are_looked_up() {
    let (composed, decomposed) = ("tall-viol\u{e9}t-anchor", "tall-viole\u{301}t-anchor");
    let refused = (400, json!({"password": [MESSAGE]}));
    let server = server_with(&[composed]);
    assert_eq!(create(&server, composed, "en"), refused);
    assert_eq!(create(&server, decomposed, "en"), refused);
    let server = server_with(&[decomposed]);
    assert_eq!(create(&server, decomposed, "en"), refused);
    assert_eq!(create(&server, composed, "en").0, 201);
}

#[test]
fn a_list_is_read_from_a_file_and_filtered_by_its_counts() {
    let env = TestEnv::new();
    let list = breached_list(&[("seen-ten-times", 10), ("seen-nine-times", 9)]);
    fs::write(env.folder().join("list.txt"), list).expect("a list");
    let arguments = ["breached.filter", "--from", "list.txt", "--min-count", "10"];
    let output = build(&env, &arguments, "");
    assert!(
        output
            .stdout
            .starts_with("Wrote breached.filter: 1 hashes, "),
        "{output:?}"
    );
    // The server may run as another user, and the list is public.
    let file = env.folder().join("breached.filter");
    let mode = fs::metadata(file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let server = start(&env, "breached.filter");
    assert_eq!(create(&server, "seen-ten-times", "en").0, 400);
    assert_eq!(create(&server, "seen-nine-times", "en").0, 201);
}

#[test]
fn a_file_is_replaced_when_the_new_one_is_complete() {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[BREACHED]);
    let before = fs::read(&path).expect("the file");
    for (list, reason) in [
        ("", "the list has no hash that was seen often enough"),
        (
            "nonsense\n",
            "line 1 of the list is not a SHA-1 hash of 40 hexadecimal digits, alone or with :<count>",
        ),
    ] {
        let output = build(&env, &[&path], list);
        assert_eq!(
            output.assert_fails_with_one_line(),
            format!("latchkey: can't build {path}: {reason}")
        );
        assert_eq!(fs::read(&path).expect("the file"), before);
    }
    let server = start(&env, &path);
    breached_passwords_file(&env, &["another-breached-one", "and-a-third-one"]);
    assert_ne!(fs::read(&path).expect("the file"), before);
    // The server has the file that it has opened, until it is started again.
    assert_eq!(create(&server, BREACHED, "en").0, 400);
    assert_eq!(create(&server, "another-breached-one", "en").0, 201);
    drop(server);
    let server = start(&env, &path);
    assert_eq!(create(&server, "and-a-third-one", "en").0, 400);
    let temporary = fs::read_dir(env.folder())
        .expect("a folder")
        .filter(|entry| {
            let entry = entry.as_ref().expect("an entry");
            entry
                .file_name()
                .to_string_lossy()
                .starts_with(".latchkey-")
        });
    assert_eq!(temporary.count(), 0);
}

#[test]
fn no_other_file_is_replaced() {
    let env = TestEnv::new();
    let list = breached_list(&[(BREACHED, 1)]);
    let other = env.folder().join("notes.txt");
    fs::write(&other, "notes").expect("a file");
    fs::write(env.folder().join("empty"), "").expect("a file");
    std::os::unix::fs::symlink("notes.txt", env.folder().join("link")).expect("a link");
    for target in ["notes.txt", "empty", "link", ".", "/dev/null"] {
        let output = build(&env, &[target], &list);
        assert_eq!(
            output.assert_fails_with_one_line(),
            format!("latchkey: can't build {target}: there is another kind of file already")
        );
    }
    assert_eq!(fs::read(&other).expect("the file"), b"notes");
    let output = build(&env, &["no/such/folder/file"], &list);
    output.assert_fails_with_one_line();
    let output = build(&env, &["filter", "--from", "missing.txt"], "");
    assert!(
        output
            .assert_fails_with_one_line()
            .starts_with("latchkey: can't read the list missing.txt: ")
    );
    let output = build(&env, &["filter", "--min-count", "0"], &list);
    assert_eq!(output.code, Some(2), "{output:?}");
}

#[test]
fn a_file_that_can_not_be_used_stops_the_start() {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[BREACHED]);
    let whole = fs::read(&path).expect("the file");
    let mut newer = whole.clone();
    newer[8] = 2;
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    let mut longer = whole.clone();
    longer.push(0);
    let length = whole.len();
    for (content, reason) in [
        (
            &whole[..length - 1],
            format!(
                "it has {} bytes instead of {length}; build it again",
                length - 1
            ),
        ),
        (
            &longer[..],
            format!(
                "it has {} bytes instead of {length}; build it again",
                length + 1
            ),
        ),
        (
            &newer[..],
            "it has format 2, but this program reads format 1; build it again".to_owned(),
        ),
        (
            &flipped[..],
            "it is damaged, or was changed while it was open; build it again".to_owned(),
        ),
        (
            &b"a list of something else"[..],
            "it is not a file that latchkey passwords build has written".to_owned(),
        ),
    ] {
        fs::write(&path, content).expect("the file");
        assert_eq!(
            start_failure(&env, &path),
            format!("latchkey: LATCHKEY_BREACHED_PASSWORDS: {path}: {reason}")
        );
    }
    for other in ["/", "/dev/null", "/dev/zero", "/no/such/file"] {
        let line = start_failure(&env, other);
        let expected = format!("latchkey: LATCHKEY_BREACHED_PASSWORDS: {other}: ");
        assert!(line.starts_with(&expected), "{line}");
    }
}

/// Starts the program with a file that it can't use, and returns the line that says why.
#[track_caller]
fn start_failure(env: &TestEnv, path: &str) -> String {
    let settings = [
        ("LATCHKEY_BREACHED_PASSWORDS", path),
        ("LATCHKEY_LOG", "off"),
    ];
    let output = env.run_command(env.command(&settings), "");
    output.assert_fails_with_one_line().to_owned()
}

/// What is behind the header is read when it is needed. Nothing crashes, and no password is accepted
/// without the check.
#[test]
fn a_file_that_is_damaged_while_the_server_runs_accepts_no_password() {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[BREACHED]);
    let server = start(&env, &path);
    let mut content = fs::read(&path).expect("the file");
    if let Some(last) = content.last_mut() {
        *last ^= 1;
    }
    fs::write(&path, &content).expect("the file");
    assert_eq!(create(&server, BREACHED, "en").0, 500);
    let log = server.log();
    assert!(
        log.contains("LATCHKEY_BREACHED_PASSWORDS can't be searched"),
        "{log}"
    );
    fs::write(&path, "").expect("the file");
    assert_eq!(create(&server, BREACHED, "en").0, 500);
    assert_eq!(server.get("/healthz").send().status, 200);
}

#[test]
fn a_check_reads_the_whole_file() {
    let env = TestEnv::new();
    let path = breached_passwords_file(&env, &[BREACHED, "another-breached-one"]);
    let check = || {
        let mut command = env.command(&[("LATCHKEY_BREACHED_PASSWORDS", &path)]);
        command.arg("check");
        let output = env.run_command(command, "");
        let mut lines = output.stdout.lines();
        let line = lines.find(|line| line.contains(" breached passwords: "));
        line.expect("a line").to_owned()
    };
    assert_eq!(
        check(),
        format!("ok       breached passwords: {path} has 2 hashes")
    );
    let mut content = fs::read(&path).expect("the file");
    if let Some(last) = content.last_mut() {
        *last ^= 1;
    }
    fs::write(&path, &content).expect("the file");
    assert_eq!(
        check(),
        format!(
            "FAILED   breached passwords: LATCHKEY_BREACHED_PASSWORDS: {path}: it is damaged, or was \
             changed while it was open; build it again"
        )
    );
}
