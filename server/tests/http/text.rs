//! What people and programs type: spellings of one text, limits that hold for what is stored, and
//! characters that must not reach a terminal.

use serde_json::json;

use crate::support::{OTHER_PASSWORD, PASSWORD, Response, Server, TestEnv, TokenPair};

const TAKEN: &str = "A user with that email already exists.";

fn create(server: &Server, email: &str, password: &str) -> Response {
    server
        .post("/api/user/create")
        .json(json!({"email": email, "password": password}))
        .send()
}

/// The lower case of each İ is three bytes, and domains are longer as A-labels.
#[test]
fn limits_hold_for_the_email_address_as_stored() {
    let server = Server::start();
    let labels = |label: &str, count| vec![label; count].join(".");
    for email in [
        format!("{}@{}.com", "a".repeat(64), labels(&"İ".repeat(20), 6)),
        format!("{}@{}.com", "a".repeat(60), labels(&"İ".repeat(31), 4)),
        format!("{}@{}.com", "a".repeat(64), labels(&"ä".repeat(45), 4)),
        format!("{}@example.com", "İ".repeat(30)),
        format!("{}@example.com", "\u{1d160}".repeat(15)),
        format!("a@{}.com", "ü".repeat(62)),
    ] {
        assert!(email.chars().count() <= 254);
        create(&server, &email, PASSWORD).assert_field_errors(&["email"]);
        server
            .try_sign_in(&email, PASSWORD)
            .assert_error(401, "invalid_credentials");
        let reset = server.post("/api/user/password/reset");
        let status = reset.json(json!({"email": email})).send().status;
        assert!([204, 400].contains(&status), "{status}: {email}");
    }
    assert_eq!(server.database().count("users", "true"), 0);
}

#[test]
fn an_email_address_has_no_hidden_characters() {
    let server = Server::start();
    for email in [
        "\"x\tdeactivated\tyes\"@example.com",
        "\"ada\"@example.com",
        "\"a b\"@example.com",
        "a\u{200b}da@example.com",
        "a\u{ad}da@example.com",
        "\u{202e}ada\u{202d}x@example.com",
        "a\u{3164}da@example.com",
        "ada\u{9b}@example.com",
        "ada@exam\u{200d}ple.com",
        "ada@exam\u{ad}ple.com",
        "ada\u{2028}@example.com",
    ] {
        create(&server, email, PASSWORD).assert_field_errors(&["email"]);
    }
    // At the ends, they come from copying.
    create(
        &server,
        "\u{feff}\u{a0}ada@example.com\u{200b}\u{3000}",
        PASSWORD,
    )
    .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    server.sign_in("\u{202a}ADA@example.com\u{202c}");
}

#[test]
fn all_spellings_of_a_domain_are_one_account() {
    let server = Server::start();
    create(&server, "Ada@BÜCHER.example", PASSWORD).assert_json(
        201,
        json!({"id": "<uuid>", "email": "Ada@xn--bcher-kva.example"}),
    );
    for same in [
        "ada@bücher.example",
        "ada@bu\u{308}cher.example",
        "ADA@XN--BCHER-KVA.EXAMPLE",
        "ada@ｂüｃｈｅｒ。example",
    ] {
        server.sign_in(same);
        create(&server, same, PASSWORD).assert_json(400, json!({"email": [TAKEN]}));
    }
    let list = server.env().run(&["user", "list"]).stdout;
    assert!(list.contains("\nAda@bücher.example\t"), "{list}");
    let email = server.take_email("Ada@xn--bcher-kva.example", "Confirm your email address");
    assert!(email.text.contains("to Ada@bücher.example."), "{email:?}");
}

/// An earlier version stored the domain in Unicode, and accepted quoted local parts.
#[test]
fn an_account_of_an_earlier_version_keeps_working() {
    let server = Server::start();
    server.register("ada@example.com");
    let database = server.database();
    database.execute("UPDATE users SET email = 'Ada@bücher.example'");
    for same in ["ada@bücher.example", "ADA@xn--bcher-kva.example"] {
        server.sign_in(same);
        create(&server, same, PASSWORD).assert_json(400, json!({"email": [TAKEN]}));
    }
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@BÜCHER.example"}))
        .send()
        .assert_no_content();
    // It is sent to the spelling that every mail server accepts.
    server.take_email("Ada@xn--bcher-kva.example", "Choose a new password");

    let quoted = "\"x\tdeactivated\tyes\"@example.com";
    database.execute(&format!("UPDATE users SET email = '{quoted}'"));
    server.sign_in(quoted);
    create(&server, quoted, PASSWORD).assert_field_errors(&["email"]);
    let list = server.env().run(&["user", "list"]).stdout;
    let line = list.lines().nth(1).expect("a user");
    assert_eq!(line.split('\t').count(), 8, "{line}");
    let shown = "\"x\\u{9}deactivated\\u{9}yes\"@example.com\t";
    assert!(line.starts_with(shown), "{line}");
    let output = server.env().run(&["user", "deactivate", "--email", quoted]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stdout.contains('\t'), "{output:?}");
}

/// Where two addresses were different in an earlier version, both accounts stay.
#[test]
fn two_accounts_that_are_one_now_both_keep_working() {
    let server = Server::start();
    for (email, domain, password) in [
        ("one@example.com", "bücher.example", PASSWORD),
        ("two@example.com", "xn--bcher-kva.example", OTHER_PASSWORD),
    ] {
        create(&server, email, password);
        server.database().execute(&format!(
            "UPDATE users SET email = 'ada@{domain}' WHERE email = '{email}'"
        ));
        let sign_in = server.try_sign_in(&format!("Ada@{domain}"), password);
        assert_eq!(sign_in.status, 200, "{domain}: {sign_in}");
    }
    let sign_in = server.try_sign_in("ada@bücher.example", PASSWORD);
    assert_eq!(sign_in.status, 200, "{sign_in}");
    server
        .try_sign_in("ada@bücher.example", OTHER_PASSWORD)
        .assert_error(401, "invalid_credentials");
}

#[test]
fn a_password_is_the_same_in_every_normalization_form() {
    let server = Server::start();
    let spellings = |text: &str| {
        let text = text.to_owned();
        [text.replace('é', "e\u{301}"), text]
    };
    for first in spellings("tall-violét-anchor-92") {
        for same in spellings("tall-violét-anchor-92") {
            assert_eq!(create(&server, "ada@example.com", &first).status, 201);
            server
                .try_sign_in("ada@example.com", "tall-violet-anchor-92")
                .assert_error(401, "invalid_credentials");
            let response = server.try_sign_in("ada@example.com", &same);
            assert_eq!(response.status, 200, "{first:?} {same:?}: {response}");
            server
                .post("/api/user/delete")
                .token(&TokenPair::from(&response).token)
                .json(json!({"current_password": same}))
                .send()
                .assert_no_content();
        }
    }
    // Lengths count what is compared.
    create(&server, "long@example.com", &"e\u{301}".repeat(7)).assert_field_errors(&["password"]);
    let longest = "e\u{301}a\u{308}o\u{302}u\u{300}".repeat(32);
    assert_eq!(create(&server, "long@example.com", &longest).status, 201);
}

#[test]
fn a_password_must_not_name_the_site() {
    let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "https://konto.wunderland.example")]);
    for password in [
        "latchkey",
        "LatchKey2026!",
        "ｌａｔｃｈｋｅｙ１２３",
        "wunderland",
        "Wunderland-99",
        "konto.wunderland.example",
        "12345678wunderland",
        "ｐａｓｓｗｏｒｄ",
    ] {
        create(&server, "ada@example.com", password).assert_field_errors(&["password"]);
    }
    let long = "a wunderland of latchkeys and locks";
    assert_eq!(create(&server, "ada@example.com", long).status, 201);
    let mut command = server
        .env()
        .command(&[("LATCHKEY_PUBLIC_URL", "https://konto.wunderland.example")]);
    command.args(["user", "create", "--email", "grace@example.com"]);
    let output = server.env().run_command(command, "wunderland-99");
    output.assert_fails_with_one_line();
}

#[test]
fn codes_are_accepted_as_people_type_them() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let factor = server.enable_totp(&pair);
    let pending = server.sign_in("ada@example.com");
    let code = factor.app.code();
    let wide: String = code
        .chars()
        .map(|digit| char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).expect("a digit"))
        .collect();
    let (first, second) = wide.split_at(wide.len() / 2);
    let typed = format!("\u{200b}{first}\u{3000}{second}\n");
    let passed = server.pass_totp(&pending.token, &typed);
    assert_eq!(passed.status, 200, "{passed}");
    let pending = server.sign_in("ada@example.com");
    let typed = format!(
        " {}\u{a0}",
        factor.recovery_codes[0].replace('-', "\u{2013}")
    );
    let passed = server.pass_recovery(&pending.token, &typed);
    assert_eq!(passed.status, 200, "{passed}");
}

/// In Turkish, the lower case of I is ı.
#[test]
fn the_locale_of_the_database_changes_nothing() {
    let server = TestEnv::turkish().start(&[]);
    let info = create(&server, "INFO@example.com", PASSWORD);
    info.assert_json(201, json!({"id": "<uuid>", "email": "INFO@example.com"}));
    for same in ["info@example.com", "Info@EXAMPLE.COM", "INFO@example.com"] {
        server.sign_in(same);
        create(&server, same, PASSWORD).assert_json(400, json!({"email": [TAKEN]}));
    }
    // Not the same letter.
    server
        .try_sign_in("ınfo@example.com", PASSWORD)
        .assert_error(401, "invalid_credentials");
    server.sign_up("zoë@example.com");
    for email in ["info@example.com", "INFO@example.com"] {
        let output = server.env().run(&["user", "sign-out", "--email", email]);
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let list = server.env().run(&["user", "list"]).stdout;
    let emails: Vec<_> = list.lines().map(|line| line.split('\t').next()).collect();
    let expected = ["EMAIL", "INFO@example.com", "zoë@example.com"];
    assert_eq!(emails, expected.map(Some));
}

#[test]
fn a_hand_written_change_keeps_addresses_unique() {
    let server = Server::start();
    server.register("ada@example.com");
    server.register("grace@example.com");
    let database = server.database();
    database.execute("UPDATE users SET email = 'INFO@example.com' WHERE email = 'ada@example.com'");
    server.sign_in("info@example.com");
    let duplicate = "UPDATE users SET email = 'iNFO@example.com' WHERE email = 'grace@example.com'";
    let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        database.execute(duplicate);
    }));
    assert!(changed.is_err());
    server.sign_in("grace@example.com");
}

#[test]
fn nothing_that_a_client_sends_controls_a_terminal() {
    let server = Server::start_with(&[("LATCHKEY_LOG", "debug")]);
    server.register("ada@example.com");
    let hostile = "\u{1b}[2J\u{9b}31m\u{202e}\u{2028}\u{7f}\r\n\t";
    let is_printable = |text: &str| {
        let mut controls = text.chars().filter(|c| {
            !matches!(c, '\n' | '\t')
                && (c.is_control() || matches!(c, '\u{202e}' | '\u{2028}' | '\u{feff}'))
        });
        controls.next().is_none()
    };
    // Bytes of headers that HTTP forbids can't be sent: these can.
    server
        .post("/api/user/login")
        .header("user-agent", "Phone\u{9b}2J\u{202e}\t\u{85}/1".as_bytes())
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send();
    let name = format!("ada{hostile}@example.com");
    create(&server, &name, hostile);
    server.try_sign_in(&name, hostile);
    server.verify(hostile);
    for path in [
        "/api/%1b%5b2J%0a",
        "/login?next=%1b%5b2J%c2%9b",
        "/%e2%80%ae",
    ] {
        server.get(path).send();
    }
    for arguments in [
        ["user", "deactivate", "--email", &name],
        ["user", "sign-out", "--email", "\"a\tb\"@example.com"],
        ["audit", "--limit", hostile, "--email=x"],
        ["user", "list", "--listen", hostile],
        [hostile, "", "", ""],
    ] {
        let output = server.env().run(&arguments);
        assert_ne!(output.code, Some(0), "{output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        assert!(is_printable(&output.stderr), "{output:?}");
        assert!(!output.stderr.contains('\t'), "{output:?}");
    }
    let audit = server.env().run(&["audit", "--email", "ada@example.com"]);
    assert!(is_printable(&audit.stdout), "{audit:?}");
    let mut columns = audit.stdout.lines().map(|line| line.split('\t').count());
    assert!(columns.all(|count| count == 6), "{audit:?}");
    // As an earlier version has stored it.
    server
        .database()
        .execute("UPDATE audit_events SET user_agent = 'a\u{1b}[2J\tb\nc\u{9b}\u{202e}'");
    let audit = server.env().run(&["audit", "--email", "ada@example.com"]);
    assert!(is_printable(&audit.stdout), "{audit:?}");
    let mut columns = audit.stdout.lines().map(|line| line.split('\t').count());
    // The first source differs now, and is printed as well.
    assert!(columns.all(|count| count == 8), "{audit:?}");
    assert!(is_printable(&server.log()), "{}", server.log());
}
