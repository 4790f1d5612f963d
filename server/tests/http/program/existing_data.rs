//! Data that is there already, and what does not fit it: another master secret, newer tables, a folder
//! that can't be written. Commands do not create what they were asked to look into.

use std::fs;

use crate::support::{Database, PASSWORD, TestEnv};

const OLD: &str = "the-old-master-secret-of-this-test";
const NEW: &str = "the-new-master-secret-of-this-test";

/// The commands that look into existing data.
const COMMANDS: [&[&str]; 7] = [
    &["user", "list"],
    &["user", "deactivate", "--email", "ada@example.com"],
    &["user", "activate", "--email", "ada@example.com"],
    &["user", "sign-out", "--email", "ada@example.com"],
    &["user", "reset-otp", "--email", "ada@example.com"],
    &["user", "password", "--email", "ada@example.com"],
    &["audit", "--email", "ada@example.com"],
];

/// Starting fails with one line on standard error, which contains all of these words.
#[track_caller]
fn assert_does_not_start(env: &TestEnv, settings: &[(&str, &str)], words: &[&str]) {
    let mut command = env.command(settings);
    command.env("LATCHKEY_LOG", "off");
    let output = env.run_command(command, "");
    let line = output.assert_fails_with_one_line();
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
}

#[test]
fn does_not_make_a_new_secret_for_existing_data() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    let pair = server.sign_up("ada@example.com");
    drop(server);
    let file = env.data_dir().join("secret.key");
    let kept = env.folder().join("kept");
    fs::rename(&file, &kept).unwrap();
    for _ in 0..2 {
        assert_does_not_start(&env, &[], &["LATCHKEY_SECRET", "secret.key"]);
        let output = env.run(&["user", "list"]);
        assert!(output.assert_fails_with_one_line().contains("secret.key"));
        assert!(!file.exists());
    }
    // Not even where nothing but users tells that there is data, as after an upgrade.
    env.database.execute("DELETE FROM server_checks");
    assert_does_not_start(&env, &[], &["LATCHKEY_SECRET", "secret.key"]);
    fs::rename(&kept, &file).unwrap();
    env.start(&[]).assert_valid(&pair);
    assert_eq!(
        env.database
            .count("server_checks", "name = 'master_secret'"),
        1
    );
}

#[test]
fn does_not_start_with_another_secret() {
    let env = TestEnv::new();
    let start = |secrets: &str| env.start(&[("LATCHKEY_SECRET", secrets)]);
    drop(start(OLD));
    let other = [("LATCHKEY_SECRET", NEW)];
    assert_does_not_start(&env, &other, &["LATCHKEY_SECRET", "another master secret"]);
    let mut command = env.command(&other);
    command.args(["user", "list"]);
    let output = env.run_command(command, "");
    assert!(!output.assert_fails_with_one_line().contains(NEW));
    let both = [("LATCHKEY_SECRET", &*format!("{NEW},{NEW}"))];
    assert_does_not_start(&env, &both, &["LATCHKEY_SECRET"]);
    // The key in the data folder is another one, too.
    fs::create_dir_all(env.data_dir()).unwrap();
    fs::write(env.data_dir().join("secret.key"), NEW).unwrap();
    assert_does_not_start(&env, &[], &["LATCHKEY_SECRET", "another master secret"]);

    // A rotation, one server after the other, and its end.
    drop(start(&format!("{OLD},{NEW}")));
    drop(start(&format!("{NEW},{OLD}")));
    drop(start(&format!("{OLD},{NEW}")));
    drop(start(&format!("{NEW},{OLD}")));
    drop(start(NEW));
    assert_does_not_start(&env, &[("LATCHKEY_SECRET", OLD)], &["LATCHKEY_SECRET"]);
}

#[test]
fn does_not_start_on_newer_tables() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let checksum = match env.database {
        Database::Sqlite(_) => "x'00'",
        Database::Postgres(_) => "'\\x00'",
    };
    env.database.execute(&format!(
        "INSERT INTO latchkey_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, {checksum}, 1)"
    ));
    assert_does_not_start(
        &env,
        &[],
        &["DATABASE_URL", "newer than this program", "9999"],
    );
    for command in [&["migrate"][..], &["user", "list"]] {
        let output = env.run(command);
        assert!(output.assert_fails_with_one_line().contains("newer"));
    }
    env.database
        .execute("DELETE FROM latchkey_migrations WHERE version = 9999");
    drop(env.start(&[]));
}

#[test]
fn commands_create_nothing() {
    let env = TestEnv::without_tables();
    for command in COMMANDS {
        let mut program = env.command(&[]);
        program.args(command);
        let output = env.run_command(program, PASSWORD);
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("no database"), "{command:?}: {line}");
        assert!(!env.data_dir().exists(), "{command:?}");
        let mut program = env.command(&[("DATABASE_URL", "sqlite://elsewhere/latchkey.db")]);
        program.args(command);
        let output = env.run_command(program, PASSWORD);
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("no database"), "{command:?}: {line}");
        assert!(!env.folder().join("elsewhere").exists(), "{command:?}");
    }
    if let Database::Postgres(_) = env.database {
        let tables = "SELECT count(*)::text FROM information_schema.tables \
                      WHERE table_schema = 'public'";
        assert_eq!(env.database.text(tables), "0");
    }
}

/// An empty file is not a database of Latchkey, either.
#[test]
fn commands_leave_other_files_alone() {
    let env = TestEnv::new();
    let file = env.folder().join("empty.db");
    fs::write(&file, "").unwrap();
    let url = format!("sqlite://{}", file.display());
    let mut command = env.command(&[("DATABASE_URL", &url)]);
    command.args(["user", "list"]);
    let output = env.run_command(command, "");
    assert!(output.assert_fails_with_one_line().contains("no database"));
    assert!(!env.data_dir().exists());
}

/// Root may write to any folder, so the file system is read-only in a namespace of the test's own.
#[test]
fn does_not_start_on_a_read_only_file_system() {
    let env = TestEnv::new();
    drop(env.start(&[]));
    let data = env.data_dir();
    let script = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$0" serve"#;
    let mut command = env.command_in_namespace(&[("LATCHKEY_LOG", "off")], script);
    command.arg(data.to_str().unwrap());
    let output = env.run_command(command, "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_DATA_DIR"), "{line}");
    if let Database::Sqlite(file) = &env.database {
        let url = format!("sqlite://{}", file.display());
        let settings = [("LATCHKEY_LOG", "off"), ("DATABASE_URL", &*url)];
        let mut command = env.command_in_namespace(&settings, script);
        command.arg(data.to_str().unwrap());
        let line = env.run_command(command, "");
        let line = line.assert_fails_with_one_line().to_owned();
        // The folder also holds the emails.
        let names_it = line.contains("DATABASE_URL") || line.contains("LATCHKEY_DATA_DIR");
        assert!(names_it, "{line}");
    }
}
