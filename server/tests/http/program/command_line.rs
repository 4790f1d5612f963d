//! The command line: help, invalid options, and the commands `migrate` and `user create`.

use serde_json::json;

use super::settings::SETTINGS;
use crate::support::{OTHER_PASSWORD, Output, PASSWORD, Server, TestEnv, TokenPair};

const COMMANDS: [&[&str]; 24] = [
    &[],
    &["serve"],
    &["migrate"],
    &["backup"],
    &["check"],
    &["health"],
    &["restore"],
    &["passwords"],
    &["passwords", "build"],
    &["user"],
    &["user", "create"],
    &["user", "list"],
    &["user", "deactivate"],
    &["user", "activate"],
    &["user", "sign-out"],
    &["user", "reset-otp"],
    &["user", "password"],
    &["user", "show"],
    &["user", "email"],
    &["user", "grant-role"],
    &["user", "revoke-role"],
    &["user", "grant-admin"],
    &["user", "revoke-admin"],
    &["user", "delete"],
];

/// Runs `latchkey user create` with this password on its standard input.
fn create_user(env: &TestEnv, arguments: &[&str], input: &str) -> Output {
    let mut command = env.command(&[]);
    command.args(["user", "create"]).args(arguments);
    env.run_command(command, input)
}

#[test]
fn every_command_has_help() {
    let env = TestEnv::new();
    for command in COMMANDS {
        let output = env.run(&[command, &["--help"]].concat());
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{output:?}"
        );
        assert!(output.stdout.contains("Usage: latchkey"), "{output:?}");
    }
    let output = env.run(&["--help"]);
    for word in ["serve", "migrate", "user", "backup", "restore"] {
        assert!(output.stdout.contains(word), "{word}: {output:?}");
    }
    for (variable, flag) in SETTINGS {
        assert!(output.stdout.contains(variable), "{variable}: {output:?}");
        assert!(output.stdout.contains(flag), "{flag}: {output:?}");
    }
    let output = env.run(&["backup", "--help"]);
    for word in ["<FILE>", "--without-secret", "--every", "--keep"] {
        assert!(output.stdout.contains(word), "{word}: {output:?}");
    }
    let output = env.run(&["user", "create", "--help"]);
    for word in ["--email", "--admin"] {
        assert!(output.stdout.contains(word), "{word}: {output:?}");
    }
}

#[test]
fn every_command_prints_the_version() {
    let env = TestEnv::new();
    for command in COMMANDS {
        let output = env.run(&[command, &["--version"]].concat());
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (Some(0), ""),
            "{output:?}"
        );
        assert!(output.stdout.starts_with("latchkey"), "{output:?}");
        assert!(
            output.stdout.contains(env!("CARGO_PKG_VERSION")),
            "{output:?}"
        );
    }
}

#[test]
fn prints_help_despite_invalid_settings() {
    let env = TestEnv::new();
    for flag in ["--help", "--version"] {
        let mut command = env.command(&[
            ("LATCHKEY_ACCESS_TTL", "soon"),
            ("LATCHKEY_SECRET", "too short"),
            ("DATABASE_URL", "mysql://user:hush-hush@localhost/x"),
            ("LATCHKEY_SMTP_URL", "smtp://user:hush-hush@localhost"),
        ]);
        command.arg(flag);
        let output = env.run_command(command, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        for secret in ["too short", "hush-hush"] {
            assert!(!output.stdout.contains(secret), "{output:?}");
        }
    }
    assert!(!env.data_dir().exists());
}

#[test]
fn rejects_invalid_options() {
    let env = TestEnv::new();
    for arguments in [
        &["--frobnicate"][..],
        &["frobnicate"],
        &["serve", "--frobnicate"],
        &["serve", "frobnicate"],
        &["--listen"],
        &["migrate", "--email", "ada@example.com"],
        &["backup"],
        &["restore"],
        &["restore", "backup.tar", "--every", "1h"],
        &["user"],
        &["user", "frobnicate"],
        &["user", "create"],
        &["user", "create", "--admin"],
        &["user", "create", "ada@example.com"],
        &["user", "list", "--email", "ada@example.com"],
        &["user", "deactivate"],
        &["user", "grant-role", "--email", "ada@example.com"],
        &["user", "email", "--email", "ada@example.com"],
        &["user", "show", "--json"],
        &["user", "password", "ada@example.com"],
        &["user", "reset-otp", "--admin", "--email", "ada@example.com"],
    ] {
        let output = env.run(arguments);
        assert_eq!(output.code, Some(2), "{arguments:?}: {output:?}");
        assert_ne!(output.stderr, "", "{arguments:?}");
    }
    assert!(!env.data_dir().exists());
}

#[test]
fn prints_what_packages_contain() {
    let env = TestEnv::new();
    for (shell, part) in [
        ("bash", "complete -F _latchkey"),
        ("zsh", "#compdef latchkey"),
        ("fish", "complete -c latchkey"),
    ] {
        let output = env.run(&["completions", shell]);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert!(output.stdout.contains(part), "{output:?}");
        assert!(output.stdout.contains("grant-role"), "{output:?}");
    }
    let page = env.run(&["man"]);
    assert_eq!(page.code, Some(0), "{page:?}");
    for part in [".TH latchkey 1", "LATCHKEY_LISTEN", "migrate"] {
        assert!(page.stdout.contains(part), "{part}: {page:?}");
    }
    assert_eq!(env.run(&["completions", "cmd"]).code, Some(2));
    let help = env.run(&["--help"]);
    assert!(!help.stdout.contains("completions"), "{help:?}");
    assert!(!env.data_dir().exists());
}

#[test]
fn migrates_the_database() {
    let env = TestEnv::new();
    for _ in 0..2 {
        let mut command = env.command(&[]);
        command.env_remove("LATCHKEY_SITE_ROOT").arg("migrate");
        let output = env.run_command(command, "");
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(env.database.count("users", "true"), 0);
        assert_eq!(env.database.count("sessions", "true"), 0);
    }
    let server = env.start(&[]);
    server.register("ada@example.com");
    assert_eq!(env.run(&["migrate"]).code, Some(0));
    server.sign_in("ada@example.com");
}

#[test]
fn creates_users() {
    let env = TestEnv::new();
    let ada = create_user(
        &env,
        &["--email", " Ada@EXAMPLE.com"],
        &format!("{PASSWORD}\n"),
    );
    assert_eq!(ada.code, Some(0), "{ada:?}");
    assert!(!format!("{ada:?}").contains(PASSWORD), "{ada:?}");
    let root = create_user(
        &env,
        &["--email", "root@example.com", "--admin"],
        " spaces count ",
    );
    assert_eq!(root.code, Some(0), "{root:?}");

    let server = env.start(&[]);
    let profile = server.view(&server.sign_in("ada@example.com").token);
    assert_eq!(profile.json()["email"], "Ada@example.com");
    assert_eq!(profile.json()["is_admin"], json!(false));
    server
        .try_sign_in("root@example.com", "spaces count")
        .assert_error(401, "invalid_credentials");
    let root = TokenPair::from(&server.try_sign_in("root@example.com", " spaces count "));
    assert_eq!(server.view(&root.token).json()["is_admin"], json!(true));
}

#[test]
fn creates_users_beside_a_running_server() {
    let server = Server::start();
    let output = create_user(server.env(), &["--email", "ada@example.com"], PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    server.sign_in("ada@example.com");
}

#[test]
fn rejects_an_invalid_user() {
    let env = TestEnv::new();
    create_user(&env, &["--email", "ada@example.com"], PASSWORD);
    for (email, password, reason) in [
        (
            "ADA@example.com",
            OTHER_PASSWORD,
            "A user with that email already exists.",
        ),
        ("not an address", PASSWORD, "email"),
        ("", PASSWORD, "email"),
        ("grace@example.com", "short", "password"),
        ("grace@example.com", "iloveyou", "password"),
        ("grace@example.com", "", "password"),
        ("grace@example.com", "\n", "password"),
    ] {
        let output = create_user(&env, &["--email", email], password);
        let line = output.assert_fails_with_one_line();
        assert!(
            line.to_lowercase().contains(&reason.to_lowercase()),
            "{line}"
        );
        assert!(!line.contains(OTHER_PASSWORD), "{line}");
    }
    assert_eq!(env.database.count("users", "true"), 1);
}
