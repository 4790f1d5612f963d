//! What keeps a set-up from going wrong silently: `check`, `health`, the first administrator in the settings,
//! warnings at the start, and files that only their owner can read.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    Output, PASSWORD, TestEnv,
    smtp::{SmtpBehavior, SmtpServer},
    wait_until,
};

const ADMIN: [(&str, &str); 2] = [
    ("LATCHKEY_ADMIN_EMAIL", "root@example.com"),
    ("LATCHKEY_ADMIN_PASSWORD", PASSWORD),
];

fn run(env: &TestEnv, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = env.command(settings);
    command.args(arguments);
    env.run_command(command, "")
}

fn check(env: &TestEnv, settings: &[(&str, &str)]) -> Output {
    run(env, settings, &["check"])
}

/// The lines of a check, by the names of their points.
#[track_caller]
fn line<'a>(output: &'a Output, point: &str) -> &'a str {
    let mut lines = output.stdout.lines();
    let found = lines.find(|line| line[8..].trim_start().starts_with(&format!("{point}: ")));
    found.unwrap_or_else(|| panic!("{point}: {output:?}"))
}

#[test]
fn a_check_before_the_first_start_creates_nothing() {
    let env = TestEnv::without_tables();
    let output = check(&env, &[]);
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    assert_eq!(
        line(&output, "settings"),
        "ok       settings: all are known and can be read"
    );
    assert_eq!(
        line(&output, "data folder"),
        "ok       data folder: data is not there; the server creates it"
    );
    assert!(line(&output, "secret").ends_with("the server creates it in the data folder"));
    assert!(line(&output, "email").starts_with("warning  email: LATCHKEY_SMTP_URL is not set"));
    assert!(!env.data_dir().exists());
}

#[test]
fn a_check_of_a_server_in_use_has_a_line_for_each_point() {
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let url = smtp.url();
    let settings = [
        ("LATCHKEY_SMTP_URL", url.as_str()),
        ("LATCHKEY_MAIL_FROM", "post@shop.example"),
        ("LATCHKEY_PUBLIC_URL", "https://accounts.shop.example"),
        ("LATCHKEY_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let env = TestEnv::new();
    let server = env.start(&settings);
    server.register("ada@example.com");
    let output = run(
        &env,
        &settings,
        &["check", "--send-email-to", "ops@shop.example"],
    );
    assert_eq!(
        (output.code, output.stderr.as_str()),
        (Some(0), ""),
        "{output:?}"
    );
    let system = if env.database.url().is_some() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    assert!(
        line(&output, "database").contains(&format!("({system} ")),
        "{output:?}"
    );
    let host = url.trim_start_matches("smtp://");
    for expected in [
        "ok       tables: up to date, and can be written".to_owned(),
        "ok       secret: secret.key in the data folder, with which the data was written"
            .to_owned(),
        format!("ok       email: {host} took an email from post@shop.example to ops@shop.example"),
        "ok       public URL: https://accounts.shop.example".to_owned(),
        "ok       proxies: X-Forwarded-For of the trusted ones counts".to_owned(),
    ] {
        assert!(
            output.stdout.lines().any(|line| line == expected),
            "{expected}: {output:?}"
        );
    }
    assert!(line(&output, "clock").starts_with("ok "), "{output:?}");
    let test = smtp.wait_for_email("ops@shop.example");
    assert_eq!(test.subject, "Test email from Latchkey");
}

#[test]
fn a_check_says_what_is_wrong_and_fails() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let other = "another-master-secret-than-before";
    let settings = [
        ("LATCHKEY_SECRET", other),
        ("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1"),
        ("LATCHKEY_PUBLIC_URL", "http://accounts.shop.example"),
        ("LATCHKEY_SMPT_URL", "smtp://127.0.0.1:1"),
        ("LATCHKEY_ADMIN_EMAIL", "root@example.com"),
    ];
    let output = check(&env, &settings);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert_eq!(output.stderr, "latchkey: 3 of 12 points failed\n");
    assert_eq!(
        line(&output, "settings"),
        "warning  settings: LATCHKEY_SMPT_URL is not a setting and is ignored; did you mean LATCHKEY_SMTP_URL?"
    );
    assert!(line(&output, "secret").starts_with("FAILED   secret: LATCHKEY_SECRET: "));
    assert!(line(&output, "email").starts_with("FAILED   email: 127.0.0.1:1 takes no email: "));
    assert!(line(&output, "administrator").starts_with("FAILED "));
    assert!(line(&output, "public URL").starts_with("warning  public URL: http://accounts"));
    assert!(!output.stdout.contains(other));
    let https = [("LATCHKEY_PUBLIC_URL", "https://accounts.shop.example")];
    let output = check(&env, &https);
    assert!(line(&output, "proxies").starts_with("warning  proxies: LATCHKEY_TRUSTED_PROXIES"));
    // An event of tomorrow: this machine's clock was set back.
    env.start(&[]).register("ada@example.com");
    env.database
        .execute("UPDATE audit_events SET at = '2999-01-01T00:00:00.000Z'");
    let output = check(&env, &[]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(line(&output, "clock").contains("2999-01-01"), "{output:?}");
}

#[test]
fn a_check_of_a_database_that_is_not_there_fails() {
    let env = TestEnv::new();
    let output = check(
        &env,
        &[("DATABASE_URL", "postgres://ada:hush@127.0.0.1:1/latchkey")],
    );
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        line(&output, "database")
            .starts_with("FAILED   database: can't use PostgreSQL at 127.0.0.1:1")
    );
    assert!(!output.stdout.contains("hush"));
    // A file that is no database.
    fs::create_dir(env.data_dir()).unwrap();
    fs::write(env.data_dir().join("latchkey.db"), "x".repeat(10_000)).unwrap();
    let file = format!("sqlite://{}", env.data_dir().join("latchkey.db").display());
    let output = check(&env, &[("DATABASE_URL", &file)]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.contains("FAILED   database: "), "{output:?}");
}

#[test]
fn health_asks_the_running_server() {
    let env = TestEnv::new();
    let output = run(&env, &[], &["health"]);
    let line = output.assert_fails_with_one_line();
    assert!(
        line.contains(&format!("the server at {} is not ready", env.address)),
        "{line}"
    );
    let server = env.start(&[]);
    let output = run(&env, &[], &["health"]);
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "ok\n"),
        "{output:?}"
    );
    // All addresses of the machine include this one.
    let any = format!("0.0.0.0:{}", env.address.port());
    assert_eq!(
        run(&env, &[("LATCHKEY_LISTEN", &any)], &["health"]).code,
        Some(0)
    );
    drop(server);
    assert_eq!(run(&env, &[], &["health"]).code, Some(1));
}

#[test]
fn the_first_administrator_comes_from_the_settings() {
    let env = TestEnv::new();
    let server = env.start(&ADMIN);
    let pair = server.sign_in("root@example.com");
    let view = server.view(&pair.token).json();
    assert_eq!(
        (&view["is_admin"], &view["email_verified"]),
        (&json!(true), &json!(true))
    );
    assert!(!server.log().contains(PASSWORD));
    drop(server);
    // There is one: whatever is set now creates nobody, and changes no password.
    for (email, password) in [
        ("root@example.com", "another-password-of-root"),
        ("other@example.com", PASSWORD),
        ("nonsense", "short"),
    ] {
        let settings = [
            ("LATCHKEY_ADMIN_EMAIL", email),
            ("LATCHKEY_ADMIN_PASSWORD", password),
        ];
        let server = env.start(&settings);
        server.sign_in("root@example.com");
        assert_eq!(server.database().count("users", "TRUE"), 1);
    }
}

#[test]
fn an_invalid_first_administrator_stops_the_start() {
    let env = TestEnv::new();
    for (email, password, expected) in [
        (
            "root@example.com",
            "",
            "LATCHKEY_ADMIN_PASSWORD: set it, too",
        ),
        ("", PASSWORD, "LATCHKEY_ADMIN_EMAIL: set it, too"),
        ("root@example.com", "pass-12", "LATCHKEY_ADMIN_PASSWORD: "),
        ("root", PASSWORD, "LATCHKEY_ADMIN_EMAIL: "),
    ] {
        let settings = [
            ("LATCHKEY_ADMIN_EMAIL", email),
            ("LATCHKEY_ADMIN_PASSWORD", password),
        ];
        let mut command = env.command(&settings);
        command.env("LATCHKEY_LOG", "off");
        let output = env.run_command(command, "");
        let line = output.assert_fails_with_one_line();
        assert!(line.contains(expected), "{expected}: {line}");
        assert!(password.is_empty() || !line.contains(password), "{line}");
    }
    // An address with an account that is no administrator's.
    env.start(&[]).register("ada@example.com");
    let settings = [("LATCHKEY_ADMIN_EMAIL", "ada@example.com"), ADMIN[1]];
    let mut command = env.command(&settings);
    command.env("LATCHKEY_LOG", "off");
    let output = env.run_command(command, "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_ADMIN_EMAIL: "), "{line}");
}

#[test]
fn servers_that_start_together_create_one_administrator() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let mut servers = Vec::new();
    for _ in 0..4 {
        let listen = [
            ("LATCHKEY_LISTEN", "127.0.0.1:0"),
            ("LATCHKEY_METRICS_LISTEN", ""),
        ];
        let mut command: Command = env.command(&[&listen[..], &ADMIN[..]].concat());
        let log = fs::File::create(env.folder().join(format!("log-{}", servers.len()))).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        servers.push(command.spawn().unwrap());
    }
    let served = |number: usize| {
        let log = fs::read_to_string(env.folder().join(format!("log-{number}"))).unwrap();
        log.contains("Latchkey is serving")
    };
    let start = Instant::now();
    while !(0..4).all(served) && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let all_served = (0..4).all(served);
    for mut server in servers {
        server.kill().unwrap();
        server.wait().unwrap();
    }
    assert!(all_served);
    assert_eq!(env.database.count("users", "is_admin"), 1);
}

#[test]
fn the_start_warns_of_what_hardly_works() {
    let env = TestEnv::new();
    fs::create_dir(env.data_dir()).unwrap();
    fs::set_permissions(env.data_dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let any = format!("0.0.0.0:{}", env.address.port());
    let server = env.start(&[
        ("LATCHKEY_LISTEN", &any),
        ("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1"),
    ]);
    let log = server.log();
    for expected in [
        format!("LATCHKEY_PUBLIC_URL is not set, so emailed links lead to http://{any}"),
        "LATCHKEY_MAIL_FROM: mail servers refuse emails from no-reply@localhost".to_owned(),
        "LATCHKEY_DATA_DIR: other users can read the folder".to_owned(),
    ] {
        assert!(log.contains(&expected), "{expected}: {log}");
    }
    drop(server);
    fs::set_permissions(env.data_dir(), fs::Permissions::from_mode(0o700)).unwrap();
    let log = env.folder().join("log");
    fs::remove_file(log).unwrap();
    let server = env.start(&[]);
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

#[test]
fn what_the_program_creates_is_for_its_user_only() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    server.register("ada@example.com");
    wait_until("an email", Duration::from_secs(10), || {
        !server.env().email_files().is_empty()
    });
    let mut folders = vec![env.data_dir()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode =
            |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
            }
        }
    }
    assert!(files >= 2);
}

#[test]
fn the_start_waits_for_the_database() {
    let env = TestEnv::new();
    let start = Instant::now();
    let unreachable = [
        ("DATABASE_URL", "postgres://ada:hush@127.0.0.1:1/latchkey"),
        ("LATCHKEY_DB_START_TIMEOUT", "3s"),
    ];
    let output = run(&env, &unreachable, &[]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert!(
        output.stderr.contains("the database can't be reached yet"),
        "{output:?}"
    );
    assert!(!output.stderr.contains("hush"));
}
