//! The settings: as flags, in the environment and in a `.env` file.

use std::fs;

use serde_json::json;

use crate::support::{
    PASSWORD, Server, TestEnv, TokenPair, breached_passwords_file, jwt,
    smtp::{SmtpBehavior, SmtpServer},
};

/// The settings, as variables and flags.
pub const SETTINGS: [(&str, &str); 34] = [
    ("LATCHKEY_LISTEN", "--listen"),
    ("LATCHKEY_METRICS_LISTEN", "--metrics-listen"),
    ("LATCHKEY_DATA_DIR", "--data-dir"),
    ("DATABASE_URL", "--database-url"),
    ("LATCHKEY_SECRET", "--secret"),
    ("LATCHKEY_SITE_ROOT", "--site-root"),
    ("LATCHKEY_PUBLIC_URL", "--public-url"),
    ("LATCHKEY_HELP_URL", "--help-url"),
    ("LATCHKEY_PRIVACY_URL", "--privacy-url"),
    ("LATCHKEY_HOME_URL", "--home-url"),
    ("LATCHKEY_ACCESS_TTL", "--access-ttl"),
    ("LATCHKEY_REFRESH_TTL", "--refresh-ttl"),
    ("LATCHKEY_SESSION_TTL", "--session-ttl"),
    ("LATCHKEY_REFRESH_GRACE", "--refresh-grace"),
    ("LATCHKEY_ARGON2", "--argon2"),
    ("LATCHKEY_BREACHED_PASSWORDS", "--breached-passwords"),
    ("LATCHKEY_SMTP_URL", "--smtp-url"),
    ("LATCHKEY_MAIL_FROM", "--mail-from"),
    ("LATCHKEY_REQUIRE_ACTIVATION", "--require-activation"),
    ("LATCHKEY_REGISTRATION", "--registration"),
    ("LATCHKEY_REQUIRE_SECOND_FACTOR", "--require-second-factor"),
    ("LATCHKEY_TRUSTED_PROXIES", "--trusted-proxies"),
    ("LATCHKEY_KEEP_ALIVE", "--keep-alive"),
    ("LATCHKEY_RATE_LIMITS", "--rate-limits"),
    ("LATCHKEY_DB_CONNECTIONS", "--db-connections"),
    ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "--db-acquire-timeout"),
    ("LATCHKEY_DB_STATEMENT_TIMEOUT", "--db-statement-timeout"),
    ("LATCHKEY_DB_START_TIMEOUT", "--db-start-timeout"),
    ("LATCHKEY_ADMIN_EMAIL", "--admin-email"),
    ("LATCHKEY_ADMIN_PASSWORD", "--admin-password"),
    ("LATCHKEY_REQUEST_TIMEOUT", "--request-timeout"),
    ("LATCHKEY_LOG", "--log"),
    ("LATCHKEY_LOG_FORMAT", "--log-format"),
    ("LATCHKEY_SMTP_CA_FILE", "--smtp-ca-file"),
];

#[test]
fn names_an_invalid_variable() {
    let env = TestEnv::new();
    let long = "x".repeat(32);
    for (variable, value) in [
        ("LATCHKEY_LISTEN", "nonsense"),
        ("LATCHKEY_LISTEN", "127.0.0.1"),
        ("LATCHKEY_LISTEN", "127.0.0.1:99999"),
        ("LATCHKEY_LISTEN", "999.0.0.1:80"),
        ("LATCHKEY_METRICS_LISTEN", "nonsense"),
        ("LATCHKEY_DATA_DIR", "/dev/null/data"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://localhost/latchkey"),
        ("DATABASE_URL", "sqlite:///dev/null/latchkey.db"),
        ("DATABASE_URL", "postgres://ada:x@127.0.0.1:1/latchkey"),
        ("DATABASE_URL", "postgres://ada:x@127.0.0.1:port/latchkey"),
        ("LATCHKEY_SECRET", "short"),
        ("LATCHKEY_SECRET", &"x".repeat(31)),
        ("LATCHKEY_SECRET", &format!("{long},short")),
        ("LATCHKEY_SECRET", &format!("{long},")),
        ("LATCHKEY_SITE_ROOT", "/no/such/folder"),
        ("LATCHKEY_SITE_ROOT", "/dev/null"),
        ("LATCHKEY_PUBLIC_URL", "not a url"),
        ("LATCHKEY_PUBLIC_URL", "accounts.example"),
        ("LATCHKEY_PUBLIC_URL", "ftp://accounts.example"),
        ("LATCHKEY_HELP_URL", "help.example"),
        ("LATCHKEY_PRIVACY_URL", "javascript:alert(1)"),
        ("LATCHKEY_SITE_NAME", " "),
        ("LATCHKEY_SITE_NAME", "two\nlines"),
        ("LATCHKEY_SITE_NAME", &"x".repeat(61)),
        ("LATCHKEY_ACCENT_COLOR", "green"),
        ("LATCHKEY_ACCENT_COLOR", "#12345"),
        ("LATCHKEY_LOGO_FILE", "/no/such/file"),
        ("LATCHKEY_LOGO_FILE", "/dev/null"),
        ("LATCHKEY_LOGO_FILE", "/dev/zero"),
        ("LATCHKEY_LOGO_FILE", "/"),
        ("LATCHKEY_SUPPORT_EMAIL", "support"),
        ("LATCHKEY_ACTIVATE_URL", "/welcome"),
        (
            "LATCHKEY_RESET_URL",
            "https://app.example.com/?token={token}",
        ),
        ("LATCHKEY_EMAIL_CHANGE_URL", "app://email"),
        ("LATCHKEY_EMAIL_UNDO_URL", "https://app.example.com/#/undo"),
        ("LATCHKEY_INVITATION_URL", "https://ada:x@app.example.com/"),
        ("LATCHKEY_LOGIN_URL", "login"),
        ("LATCHKEY_FORGOT_URL", "javascript:alert(1)"),
        ("LATCHKEY_EMAIL_TEMPLATES", "/no/such/folder"),
        ("LATCHKEY_EMAIL_TEMPLATES", "/dev/null"),
        ("LATCHKEY_HOME_URL", "app.example.com"),
        ("LATCHKEY_HOME_URL", "ftp://app.example.com"),
        ("LATCHKEY_HOME_URL", "javascript:alert(1)"),
        ("LATCHKEY_HOME_URL", "https://ada:x@app.example.com"),
        ("LATCHKEY_HOME_URL", "//app.example.com"),
        ("LATCHKEY_HOME_URL", "/\\app.example.com"),
        ("LATCHKEY_HOME_URL", "/"),
        ("LATCHKEY_HOME_URL", "/?a=b"),
        ("LATCHKEY_ACCESS_TTL", "soon"),
        ("LATCHKEY_ACCESS_TTL", "15 parsecs"),
        ("LATCHKEY_ACCESS_TTL", "-1s"),
        ("LATCHKEY_ACCESS_TTL", "99999999999999999999d"),
        ("LATCHKEY_REFRESH_TTL", "30q"),
        ("LATCHKEY_SESSION_TTL", "d"),
        ("LATCHKEY_REFRESH_GRACE", "1x"),
        ("LATCHKEY_ARGON2", "expensive"),
        ("LATCHKEY_ARGON2", "m=1,t=1,p=1"),
        ("LATCHKEY_ARGON2", "m=19456,t=0,p=1"),
        ("LATCHKEY_ARGON2", "m=19456,t=2,p=0"),
        ("LATCHKEY_ARGON2", "m=19456,t=2,x=1"),
        ("LATCHKEY_ARGON2", "m=-1,t=2,p=1"),
        ("LATCHKEY_SMTP_URL", "mail.example.com"),
        ("LATCHKEY_SMTP_URL", "http://mail.example.com"),
        ("LATCHKEY_SMTP_URL", "smtp://"),
        ("LATCHKEY_SMTP_URL", "smtp://mail.example.com:port"),
        ("LATCHKEY_SMTP_URL", "smtp://user@mail.example.com"),
        ("LATCHKEY_SMTP_URL", "smtp://mail.example.com?tls=maybe"),
        ("LATCHKEY_SMTP_CA_FILE", "/no/such/file"),
        ("LATCHKEY_SMTP_CA_FILE", "/dev/null"),
        ("LATCHKEY_SMTP_CA_FILE", "/dev/zero"),
        (
            "LATCHKEY_SMTP_CA_FILE",
            concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        ),
        ("LATCHKEY_MAIL_FROM", "käse@shop.example"),
        ("LATCHKEY_MAIL_FROM", "nonsense"),
        ("LATCHKEY_MAIL_FROM", "Latchkey <nonsense>"),
        ("LATCHKEY_MAIL_FROM", "a@example.com, b@example.com"),
        (
            "LATCHKEY_MAIL_FROM",
            "a@example.com\r\nBcc: eve@example.com",
        ),
        ("LATCHKEY_REQUIRE_ACTIVATION", "perhaps"),
        ("LATCHKEY_REQUIRE_ACTIVATION", "1"),
        ("LATCHKEY_REGISTRATION", "perhaps"),
        ("LATCHKEY_REQUIRE_SECOND_FACTOR", "perhaps"),
        ("LATCHKEY_TRUSTED_PROXIES", "proxy.example.com"),
        ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LATCHKEY_RATE_LIMITS", "perhaps"),
        ("LATCHKEY_DB_CONNECTIONS", "many"),
        ("LATCHKEY_DB_CONNECTIONS", "0"),
        ("LATCHKEY_DB_CONNECTIONS", "1001"),
        ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "99ms"),
        ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "61m"),
        ("LATCHKEY_DB_WAIT", "99ms"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "0s"),
        ("LATCHKEY_DB_STATEMENT_TIMEOUT", "2h"),
        ("LATCHKEY_REQUEST_TIMEOUT", "30"),
        ("LATCHKEY_REQUEST_TIMEOUT", "1d"),
        ("LATCHKEY_LOG", "latchkey=deafening"),
        ("LATCHKEY_LOG", "inof"),
        ("LATCHKEY_LOG", "info,acounts"),
        ("LATCHKEY_LOG_FORMAT", "xml"),
    ] {
        let output = env.run_command(env.command(&[(variable, value)]), "");
        let line = output.assert_fails_with_one_line();
        assert!(line.contains(variable), "{variable}={value}: {line}");
    }
}

/// The program of the tests contains no site.
#[test]
fn reads_the_site_in_its_folder_by_default() {
    let env = TestEnv::new();
    let command = || {
        let mut command = env.command(&[]);
        command.env_remove("LATCHKEY_SITE_ROOT");
        command
    };
    let output = env.run_command(command(), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_SITE_ROOT"), "{line}");
    assert!(line.contains("target/site"), "{line}");

    fs::create_dir(env.folder().join("target")).unwrap();
    fs::rename(
        env.folder().join("site"),
        env.folder().join("target").join("site"),
    )
    .unwrap();
    let server = env.start_command(command());
    let response = server.get("/robots.txt").send();
    assert_eq!(response.status, 200, "{response}");
}

/// An invalid flag is a usage error.
#[test]
fn names_an_invalid_flag() {
    let env = TestEnv::new();
    for (variable, flag) in SETTINGS {
        // These take any text.
        if matches!(
            variable,
            "LATCHKEY_DATA_DIR" | "LATCHKEY_SITE_ROOT" | "LATCHKEY_BREACHED_PASSWORDS"
        ) || variable.starts_with("LATCHKEY_ADMIN_")
        {
            continue;
        }
        let output = env.run(&[flag, "?"]);
        assert_eq!(output.code, Some(2), "{flag}: {output:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{output:?}");
        assert!(output.stderr.contains(variable), "{output:?}");
    }
    assert!(!env.data_dir().exists());
}

#[test]
fn states_the_bounds_of_a_setting() {
    let env = TestEnv::new();
    for (variable, value, reason) in [
        (
            "LATCHKEY_ACCESS_TTL",
            "3651d",
            "it must be from 1s to 3650d",
        ),
        (
            "LATCHKEY_CACHE_LEASE",
            "1ms",
            "it must be from 50ms to 3650d",
        ),
        (
            "LATCHKEY_DB_ACQUIRE_TIMEOUT",
            "2h",
            "it must be from 100ms to 1h",
        ),
        ("LATCHKEY_DB_WAIT", "2h", "it must be from 100ms to 1h"),
        (
            "LATCHKEY_DB_CONNECTIONS",
            "0",
            "write it as a number from 1 to 1000",
        ),
    ] {
        let output = env.run_command(env.command(&[(variable, value)]), "");
        assert_eq!(
            output.assert_fails_with_one_line(),
            format!("latchkey: {variable}: {reason}")
        );
    }
}

#[test]
fn prints_no_secret_in_errors() {
    let env = TestEnv::new();
    for (variable, value) in [
        ("LATCHKEY_SECRET", "hush-hush"),
        ("DATABASE_URL", "mysql://ada:hush-hush@localhost/latchkey"),
        (
            "DATABASE_URL",
            "postgres://ada:hush-hush@127.0.0.1:1/latchkey",
        ),
        (
            "DATABASE_URL",
            "postgres://ada:hush-hush@127.0.0.1:port/latchkey",
        ),
        ("LATCHKEY_SMTP_URL", "smtp://ada:hush-hush@localhost:port"),
        ("LATCHKEY_SMTP_URL", "http://ada:hush-hush@localhost"),
    ] {
        let output = env.run_command(env.command(&[(variable, value)]), "");
        let line = output.assert_fails_with_one_line();
        assert!(!line.contains("hush-hush"), "{line}");
        assert!(!output.stdout.contains("hush-hush"), "{output:?}");
    }
}

#[test]
fn reads_an_env_file_in_the_working_folder() {
    let env = TestEnv::new();
    fs::write(
        env.folder().join(".env"),
        "# a comment\nLATCHKEY_PUBLIC_URL=https://env-file.example\nLATCHKEY_ACCESS_TTL=1h\n",
    )
    .unwrap();
    let expires_in = |server: &Server| {
        let response = server.try_sign_in("ada@example.com", PASSWORD);
        (
            response.json()["expires_in"].clone(),
            jwt::claims(&TokenPair::from(&response).token)["iss"].clone(),
        )
    };
    let server = env.start(&[]);
    server.register("ada@example.com");
    let url = json!("https://env-file.example");
    assert_eq!(expires_in(&server), (json!(3600), url.clone()));
    drop(server);
    // The environment takes precedence.
    let server = env.start(&[("LATCHKEY_ACCESS_TTL", "30m")]);
    assert_eq!(expires_in(&server), (json!(1800), url));
}

#[test]
fn accepts_every_setting_as_a_flag() {
    let env = TestEnv::new();
    let data = env.folder().join("elsewhere");
    let mut command = env.command(&[
        ("LATCHKEY_LISTEN", "127.0.0.1:1"),
        ("LATCHKEY_SITE_ROOT", "/no/such/folder"),
        ("LATCHKEY_PUBLIC_URL", "https://variable.example"),
        ("LATCHKEY_ACCESS_TTL", "15m"),
        ("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1"),
        ("LATCHKEY_MAIL_FROM", "variable@example.com"),
        ("LATCHKEY_REQUIRE_ACTIVATION", "true"),
        ("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1"),
        ("LATCHKEY_RATE_LIMITS", "on"),
        ("LATCHKEY_LOG_FORMAT", "text"),
    ]);
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let values = [
        env.address.to_string(),
        env.metrics_address.to_string(),
        data.to_str().unwrap().to_owned(),
        env.database.url().map_or_else(
            || format!("sqlite://{}", env.folder().join("flag.db").display()),
            str::to_owned,
        ),
        "f".repeat(32),
        env.folder().join("site").to_str().unwrap().to_owned(),
        "https://flag.example".into(),
        "https://help.example/".into(),
        "https://privacy.example/".into(),
        "https://home.example/".into(),
        "2m".into(),
        "3m".into(),
        "4m".into(),
        "5s".into(),
        "m=512,t=1,p=1".into(),
        breached_passwords_file(&env, &["a password that nobody uses"]),
        smtp.url(),
        "Flag <flag@flag.example>".into(),
        "false".into(),
        "open".into(),
        "off".into(),
        "10.0.0.0/8".into(),
        "30s".into(),
        "off".into(),
        "3".into(),
        "2s".into(),
        "3s".into(),
        "1s".into(),
        "flag-admin@example.com".into(),
        PASSWORD.to_owned(),
        "10s".into(),
        "debug".into(),
        "json".into(),
        String::new(),
    ];
    for ((_, flag), value) in SETTINGS.iter().zip(&values) {
        command.args([flag, &value.as_str()]);
    }
    let server = env.start_command(command);
    server.register("ada@example.com");
    let response = server.try_sign_in("ada@example.com", PASSWORD);
    let pair = TokenPair::from(&response);
    assert_eq!(response.json()["expires_in"], json!(120));
    assert_eq!(jwt::claims(&pair.token)["iss"], "https://flag.example");
    let refresh = jwt::claims(&pair.refresh_token);
    assert_eq!(
        refresh["exp"].as_u64().unwrap() - refresh["iat"].as_u64().unwrap(),
        180
    );
    assert_eq!(
        smtp.wait_for_email("ada@example.com").from,
        "flag@flag.example"
    );
    assert!(!env.data_dir().exists());
}

#[test]
fn ends_a_refresh_token_with_its_session() {
    let server = Server::start_with(&[
        ("LATCHKEY_REFRESH_TTL", "30d"),
        ("LATCHKEY_SESSION_TTL", "1h"),
    ]);
    let refresh = jwt::claims(&server.sign_up("ada@example.com").refresh_token);
    let life = refresh["exp"].as_u64().unwrap() - refresh["iat"].as_u64().unwrap();
    assert!(life <= 3600, "{life}");
}

/// The value of a setting decides, whatever its variable or its former name says.
#[test]
fn flag_and_current_variable_take_precedence() {
    let env = TestEnv::new();
    let invalid = [("LATCHKEY_ACCESS_TTL", "soon"), ("LATCHKEY_DB_WAIT", "2h")];
    for arguments in [
        [
            "migrate",
            "--access-ttl",
            "1h",
            "--db-acquire-timeout",
            "2s",
        ],
        ["--access-ttl=1h", "--db-wait", "2s", "migrate", "--log=off"],
    ] {
        let mut command = env.command(&invalid);
        command.args(arguments);
        let output = env.run_command(command, "");
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let mut command = env.command(&[invalid[1], ("LATCHKEY_DB_ACQUIRE_TIMEOUT", "2s")]);
    command.arg("migrate");
    let output = env.run_command(command, "");
    assert_eq!(output.code, Some(0), "{output:?}");
    let output = env.run(&["migrate", "--db-wait", "2h"]);
    assert_eq!(output.code, Some(2), "{output:?}");
}

/// Compose and systemd hand over variables without a value.
#[test]
fn empty_variables_are_like_unset_ones() {
    let env = TestEnv::new();
    let mut command = env.command(&[]);
    for (variable, _) in SETTINGS {
        // The program needs these here, and only these.
        let is_needed = match variable {
            "LATCHKEY_LISTEN" | "LATCHKEY_METRICS_LISTEN" | "LATCHKEY_SITE_ROOT" => true,
            "DATABASE_URL" => env.database.url().is_some(),
            _ => false,
        };
        if !is_needed {
            command.env(variable, "");
        }
        command.env(format!("{variable}_FILE"), "");
    }
    command.env("LATCHKEY_DB_WAIT", "");
    let server = env.start_command(command);
    server.register("ada@example.com");
    server.activation_token("ada@example.com");
}

#[test]
fn reads_settings_from_files() {
    let env = TestEnv::new();
    let file = |name: &str, content: &str| {
        let path = env.folder().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let secret = "pa$word of 32 characters or more";
    let issuer = file("issuer", "https://file.example\n");
    let secret_file = file("secret", &format!("\u{feff}{secret}\r\n"));
    let database = file("database", &env.database.address());
    let mut command = env.command(&[
        ("LATCHKEY_PUBLIC_URL_FILE", &issuer),
        ("LATCHKEY_SECRET_FILE", &secret_file),
        ("LATCHKEY_SECRET", ""),
        ("DATABASE_URL_FILE", &database),
    ]);
    command.env_remove("DATABASE_URL");
    fs::create_dir_all(env.data_dir()).unwrap();
    let server = env.start_command(command);
    let pair = server.sign_up("ada@example.com");
    assert_eq!(jwt::claims(&pair.token)["iss"], "https://file.example");
    assert!(
        !server.log().contains("is not a setting"),
        "{}",
        server.log()
    );
    drop(server);
    let url = ("LATCHKEY_PUBLIC_URL", "https://file.example");
    env.start(&[url, ("LATCHKEY_SECRET", secret)])
        .assert_valid(&pair);
}

#[test]
fn names_a_file_that_does_not_work() {
    let env = TestEnv::new();
    let empty = env.folder().join("empty");
    fs::write(&empty, "\n").unwrap();
    let long = "x".repeat(32);
    for settings in [
        &[("LATCHKEY_SECRET_FILE", "/no/such/file")][..],
        &[("LATCHKEY_SECRET_FILE", empty.to_str().unwrap())],
        &[("LATCHKEY_SECRET_FILE", "/dev/zero")],
        &[("LATCHKEY_SECRET", &long), ("LATCHKEY_SECRET_FILE", "/x")],
        &[("LATCHKEY_ACCESS_TTL_FILE", "/proc/version")],
    ] {
        let output = env.run_command(env.command(settings), "");
        let line = output.assert_fails_with_one_line();
        for (variable, _) in settings {
            assert!(line.contains(variable), "{line}");
        }
        assert!(!line.contains(&long), "{line}");
        // Help does not depend on it.
        let mut command = env.command(settings);
        command.args(["migrate", "--help"]);
        assert_eq!(env.run_command(command, "").code, Some(0));
    }
    assert!(!env.data_dir().exists());
}

/// Such as the variables that Kubernetes sets for a service with the name of the program.
#[test]
fn warns_of_unknown_variables_and_ignores_them() {
    let env = TestEnv::new();
    fs::write(
        env.folder().join(".env"),
        "LATCHKEY_LISTN=127.0.0.1:1\nOTHER=1\n",
    )
    .unwrap();
    let server = env.start(&[
        ("LATCHKEY_PORT", "tcp://10.0.0.1:3000"),
        ("LATCHKEY_SERVICE_HOST", "10.0.0.1"),
        ("LATCHKEY_SMPT_URL", "smtp://ada:hush-hush@localhost"),
    ]);
    let log = server.log();
    for warning in [
        "LATCHKEY_PORT is not a setting",
        "LATCHKEY_SERVICE_HOST is not a setting",
        "did you mean LATCHKEY_SMTP_URL?",
        "did you mean LATCHKEY_LISTEN?",
    ] {
        assert!(log.contains(warning), "{warning}: {log}");
    }
    assert_eq!(log.matches("is not a setting").count(), 4, "{log}");
    assert!(!log.contains("hush-hush"), "{log}");
}

#[test]
fn takes_values_in_the_env_file_literally() {
    let secret = r#"pa$word ${HOME} \n "quoted" # and long enough"#;
    let env = TestEnv::new();
    fs::write(
        env.folder().join(".env"),
        format!("LATCHKEY_SECRET={secret}\r\n"),
    )
    .unwrap();
    let server = env.start(&[]);
    let pair = server.sign_up("ada@example.com");
    drop(server);
    fs::remove_file(env.folder().join(".env")).unwrap();
    env.start(&[("LATCHKEY_SECRET", secret)])
        .assert_valid(&pair);

    fs::write(env.folder().join(".env"), "A=1\nhush-hush\n").unwrap();
    let output = env.run_command(env.command(&[]), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains(".env") && line.contains("line 2"), "{line}");
    assert!(!line.contains("hush-hush"), "{line}");
}
