//! The command line, the settings, the files, and how the program starts and stops.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    OTHER_PASSWORD, Output, PASSWORD, Server, TestEnv, TokenPair, jwt,
    smtp::{SmtpBehavior, SmtpServer},
};

/// A setting that a person may give by an environment variable or by a flag.
const SETTINGS: [(&str, &str); 22] = [
    ("LATCHKEY_LISTEN", "--listen"),
    ("LATCHKEY_DATA_DIR", "--data-dir"),
    ("DATABASE_URL", "--database-url"),
    ("LATCHKEY_SECRET", "--secret"),
    ("LATCHKEY_SITE_ROOT", "--site-root"),
    ("LATCHKEY_PUBLIC_URL", "--public-url"),
    ("LATCHKEY_ACCESS_TTL", "--access-ttl"),
    ("LATCHKEY_REFRESH_TTL", "--refresh-ttl"),
    ("LATCHKEY_SESSION_TTL", "--session-ttl"),
    ("LATCHKEY_REFRESH_GRACE", "--refresh-grace"),
    ("LATCHKEY_ARGON2", "--argon2"),
    ("LATCHKEY_SMTP_URL", "--smtp-url"),
    ("LATCHKEY_MAIL_FROM", "--mail-from"),
    ("LATCHKEY_REQUIRE_ACTIVATION", "--require-activation"),
    ("LATCHKEY_TRUSTED_PROXIES", "--trusted-proxies"),
    ("LATCHKEY_RATE_LIMITS", "--rate-limits"),
    ("LATCHKEY_DB_CONNECTIONS", "--db-connections"),
    ("LATCHKEY_DB_WAIT", "--db-wait"),
    ("LATCHKEY_DB_STATEMENT_TIMEOUT", "--db-statement-timeout"),
    ("LATCHKEY_REQUEST_TIMEOUT", "--request-timeout"),
    ("LATCHKEY_LOG", "--log"),
    ("LATCHKEY_LOG_FORMAT", "--log-format"),
];

const COMMANDS: [&[&str]; 11] = [
    &[],
    &["serve"],
    &["migrate"],
    &["user"],
    &["user", "create"],
    &["user", "list"],
    &["user", "deactivate"],
    &["user", "activate"],
    &["user", "sign-out"],
    &["user", "reset-otp"],
    &["user", "password"],
];

/// Runs `latchkey user create` with this password on its standard input.
fn create_user(env: &TestEnv, arguments: &[&str], input: &str) -> Output {
    let mut command = env.command(&[]);
    command.args(["user", "create"]).args(arguments);
    env.run_command(command, input)
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("the program has made it");
    metadata.permissions().mode() & 0o777
}

#[test]
fn helps_everywhere() {
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
    for word in ["serve", "migrate", "user"] {
        assert!(output.stdout.contains(word), "{word}: {output:?}");
    }
    for (variable, flag) in SETTINGS {
        assert!(output.stdout.contains(variable), "{variable}: {output:?}");
        assert!(output.stdout.contains(flag), "{flag}: {output:?}");
    }
    let output = env.run(&["user", "create", "--help"]);
    for word in ["--email", "--admin"] {
        assert!(output.stdout.contains(word), "{word}: {output:?}");
    }
}

#[test]
fn tells_its_version_everywhere() {
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
fn helps_whatever_the_settings_are() {
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
fn refuses_bad_options() {
    let env = TestEnv::new();
    for arguments in [
        &["--frobnicate"][..],
        &["frobnicate"],
        &["serve", "--frobnicate"],
        &["serve", "frobnicate"],
        &["--listen"],
        &["migrate", "--email", "ada@example.com"],
        &["user"],
        &["user", "frobnicate"],
        &["user", "create"],
        &["user", "create", "--admin"],
        &["user", "create", "ada@example.com"],
        &["user", "list", "--email", "ada@example.com"],
        &["user", "deactivate"],
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
fn names_the_setting_that_it_can_not_read() {
    let env = TestEnv::new();
    let long = "x".repeat(32);
    for (variable, value) in [
        ("LATCHKEY_LISTEN", "nonsense"),
        ("LATCHKEY_LISTEN", "127.0.0.1"),
        ("LATCHKEY_LISTEN", "127.0.0.1:99999"),
        ("LATCHKEY_LISTEN", "999.0.0.1:80"),
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
        ("LATCHKEY_MAIL_FROM", "nonsense"),
        ("LATCHKEY_MAIL_FROM", ""),
        ("LATCHKEY_MAIL_FROM", "Latchkey <nonsense>"),
        ("LATCHKEY_MAIL_FROM", "a@example.com, b@example.com"),
        (
            "LATCHKEY_MAIL_FROM",
            "a@example.com\r\nBcc: eve@example.com",
        ),
        ("LATCHKEY_REQUIRE_ACTIVATION", "perhaps"),
        ("LATCHKEY_REQUIRE_ACTIVATION", ""),
        ("LATCHKEY_REQUIRE_ACTIVATION", "1"),
        ("LATCHKEY_TRUSTED_PROXIES", "proxy.example.com"),
        ("LATCHKEY_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("LATCHKEY_RATE_LIMITS", "perhaps"),
        ("LATCHKEY_RATE_LIMITS", ""),
        ("LATCHKEY_DB_CONNECTIONS", "many"),
        ("LATCHKEY_DB_CONNECTIONS", "0"),
        ("LATCHKEY_DB_CONNECTIONS", "1001"),
        ("LATCHKEY_DB_WAIT", "99ms"),
        ("LATCHKEY_DB_WAIT", "61m"),
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

/// A bad flag is a bad option.
#[test]
fn names_the_flag_that_it_can_not_read() {
    let env = TestEnv::new();
    for (variable, flag) in SETTINGS {
        if matches!(variable, "LATCHKEY_DATA_DIR" | "LATCHKEY_SITE_ROOT") {
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
fn says_in_which_bounds_a_setting_must_be() {
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
fn shows_no_secret_while_it_complains() {
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
fn fails_when_the_port_is_busy() {
    let env = TestEnv::new();
    let _busy = TcpListener::bind(env.address).unwrap();
    // The errors are of interest here, not what is told on the way.
    let output = env.run_command(env.command(&[("LATCHKEY_LOG", "error")]), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains(&env.address.to_string()), "{line}");
}

#[test]
fn fails_when_the_data_folder_can_not_be_written() {
    let env = TestEnv::new();
    let file = env.folder().join("file");
    fs::write(&file, "not a folder").unwrap();
    for folder in [&file, &file.join("data")] {
        let output = env.run_command(
            env.command(&[("LATCHKEY_DATA_DIR", folder.to_str().unwrap())]),
            "",
        );
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("LATCHKEY_DATA_DIR"), "{line}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn fails_when_its_secret_is_damaged() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let file = env.data_dir().join("secret.key");
    for damaged in ["", "short"] {
        fs::write(&file, damaged).unwrap();
        let output = env.run_command(env.command(&[("LATCHKEY_LOG", "error")]), "");
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("secret.key"), "{line}");
        assert_eq!(fs::read_to_string(&file).unwrap(), damaged);
    }
}

#[test]
fn keeps_its_data_to_itself() {
    let env = TestEnv::new();
    // Whatever the habits of the person who starts it.
    let mut command = Command::new("sh");
    let program = env.command(&[]);
    command
        .current_dir(env.folder())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .args(["-c", r#"umask 000; exec "$0" "$@""#])
        .arg(program.get_program())
        .args(["user", "create", "--email", "ada@example.com"]);
    let output = env.run_command(command, PASSWORD);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(mode(&env.data_dir()), 0o700);
    assert_eq!(mode(&env.data_dir().join("secret.key")), 0o600);

    let secret = fs::read_to_string(env.data_dir().join("secret.key")).unwrap();
    assert!(secret.trim().len() >= 32);
    env.start(&[]).sign_in("ada@example.com");
    let after = fs::read_to_string(env.data_dir().join("secret.key")).unwrap();
    assert_eq!(after, secret);
    assert_eq!(mode(&env.data_dir().join("secret.key")), 0o600);
}

#[test]
fn makes_a_secret_that_differs_from_any_other() {
    let [one, other] = [TestEnv::new(), TestEnv::new()];
    let secret = |env: &TestEnv| fs::read(env.data_dir().join("secret.key")).unwrap();
    drop((one.start(&[]), other.start(&[])));
    assert_ne!(secret(&one), secret(&other));
}

#[test]
fn migrates() {
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
fn creates_no_user_against_the_rules() {
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
    // What the outer world says goes first.
    let server = env.start(&[("LATCHKEY_ACCESS_TTL", "30m")]);
    assert_eq!(expires_in(&server), (json!(1800), url));
}

#[test]
fn takes_each_setting_as_a_flag() {
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
        data.to_str().unwrap().to_owned(),
        env.database.url().map_or_else(
            || format!("sqlite://{}", env.folder().join("flag.db").display()),
            str::to_owned,
        ),
        "f".repeat(32),
        env.folder().join("site").to_str().unwrap().to_owned(),
        "https://flag.example".into(),
        "2m".into(),
        "3m".into(),
        "4m".into(),
        "5s".into(),
        "m=512,t=1,p=1".into(),
        smtp.url(),
        "Flag <flag@flag.example>".into(),
        "false".into(),
        "10.0.0.0/8".into(),
        "off".into(),
        "3".into(),
        "2s".into(),
        "3s".into(),
        "10s".into(),
        "debug".into(),
        "json".into(),
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

#[test]
fn logs_for_machines() {
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
fn logs_no_secret_not_even_for_debugging() {
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

#[test]
fn forgets_nothing_when_it_is_killed() {
    let env = TestEnv::new();
    for round in 0..3 {
        let email = format!("number-{round}@example.com");
        let server = env.start(&[]);
        server.register(&email);
        server.signal("KILL");
        drop(server);
        let server = env.start(&[]);
        let pair = server.sign_in(&email);
        server.signal("KILL");
        drop(server);
        env.start(&[]).assert_valid(&pair);
    }
    assert_eq!(env.database.count("users", "true"), 3);
}

#[test]
fn answers_what_is_in_flight_before_it_ends() {
    let mut server = Server::start();
    let body = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let (first_half, second_half) = body.split_at(20);
    // The server asks for the body, so it has the head.
    let mut in_flight = server.raw_connection();
    in_flight.send(format!(
        "POST /api/user/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let go_on = in_flight.read_until("\r\n\r\n");
    assert!(go_on.starts_with("HTTP/1.1 100 "), "{go_on}");
    in_flight.send(first_half);
    // A connection that waits for nothing does not hold the program up.
    let mut idle = server.raw_connection();
    idle.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    idle.read_until("\r\n\r\n");

    server.signal("TERM");
    thread::sleep(Duration::from_millis(300));
    let response = in_flight.send(second_half).read_to_end();
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    assert!(response.contains("ada@example.com"), "{response}");

    let start = Instant::now();
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert_eq!(server.database().count("users", "true"), 1);
}

#[test]
fn ends_at_once_when_there_is_nothing_to_do() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start();
        server.register("ada@example.com");
        server.signal(signal);
        let start = Instant::now();
        assert_eq!(server.wait(), Some(0), "{}", server.log());
        assert!(start.elapsed() < Duration::from_secs(5), "{signal}");
    }
}

#[test]
fn serves_and_tells_where() {
    let env = TestEnv::new();
    for arguments in [&[][..], &["serve"]] {
        let mut command = env.command(&[]);
        command.args(arguments);
        let server = env.start_command(command);
        assert!(server.log().contains(&env.url()), "{}", server.log());
        assert_eq!(server.get("/").send().status, 200);
    }
}
