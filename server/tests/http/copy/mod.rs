//! `latchkey copy` between SQLite and PostgreSQL. In a run with SQLite there are only refusals to test.

mod installation;
mod interrupted;
mod refused;
mod tables;

use std::{fs, sync::Arc};

use serde_json::{Value, json};

use crate::support::{Database, Output, TestEnv, wait_until};

use self::installation::Installation;

/// An environment whose database is PostgreSQL without tables, or `None` in a run with SQLite.
fn postgres() -> Option<Arc<TestEnv>> {
    let env = TestEnv::without_tables();
    matches!(env.database, Database::Postgres(_)).then_some(env)
}

/// Runs `latchkey copy` from one database to the other.
fn copy(from: &TestEnv, to: &TestEnv, arguments: &[&str]) -> Output {
    let (source, target) = (from.database.address(), to.database.address());
    let mut command = from.command(&[]);
    command.args(["copy", "--from", &source, "--to", &target]);
    command.args(arguments);
    from.run_command(command, "")
}

/// Runs `latchkey copy`, which succeeds. Returns the lines of all tables.
#[track_caller]
fn copied(from: &TestEnv, to: &TestEnv) -> String {
    let output = copy(from, to, &[]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let last = output.stderr.lines().last().expect("a line");
    assert!(
        last.starts_with("Both databases have the same content."),
        "{last}"
    );
    for word in ["secret.key", "LATCHKEY_SECRET", "DATABASE_URL"] {
        assert!(last.contains(word), "{last}");
    }
    output.stdout
}

/// Copies the master secret.
fn move_secret(from: &TestEnv, to: &TestEnv) {
    fs::create_dir_all(to.data_dir()).expect("a data folder");
    let copied = fs::copy(
        from.data_dir().join("secret.key"),
        to.data_dir().join("secret.key"),
    );
    copied.expect("a copy of the secret");
}

#[test]
fn an_installation_moves_to_postgresql_and_back() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    let installation = Installation::create(&sqlite);
    let there = copied(&sqlite, &postgres);
    for line in there.lines() {
        let columns: Vec<_> = line.split('\t').collect();
        let [table, rows, sha256] = columns[..] else {
            panic!("three columns: {line}");
        };
        assert_ne!(rows, "0", "{line}");
        assert_eq!(
            postgres.database.count(table, "true").to_string(),
            rows,
            "{line}"
        );
        assert_eq!(sha256.len(), 64, "{line}");
    }
    let third = TestEnv::with_sqlite();
    fs::create_dir(third.data_dir()).unwrap();
    assert_eq!(copied(&postgres, &third), there);
    for env in [&postgres, &third] {
        for table in ["users", "registrations", "mail_requests", "outbox"] {
            let german = env.database.count(table, "language = 'de'");
            assert_eq!(german, 1, "{table}");
        }
        move_secret(&sqlite, env);
        installation.assert_works_in(env);
    }
}

/// Of several servers, the copy uses the one that can be written.
#[test]
fn a_url_may_name_several_servers() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    sqlite.start(&[]).register("ada@example.com");
    let address = postgres.database.address();
    let servers = address.replacen('@', "@127.0.0.1:1,", 1);
    let run = |from: &str, to: &str| {
        let output = sqlite.run(&["copy", "--from", from, "--to", to]);
        assert_eq!(output.code, Some(0), "{output:?}");
        output.stdout
    };
    let there = run("sqlite://data/latchkey.db", &servers);
    assert_eq!(
        postgres
            .database
            .count("users", "email = 'ada@example.com'"),
        1
    );
    assert_eq!(run(&servers, "sqlite://back.db"), there);
}

#[test]
fn numbers_and_times_continue_where_they_were() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    drop(sqlite.start(&[]));
    // The rows with the highest numbers are gone, and yet their numbers are not given again.
    sqlite.database.execute(
        "INSERT INTO revocations (seq, user_id, issued_before, at)
         VALUES (7, '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', 1, '2026-01-31T08:15:30.25Z'), (70, '', 1, '');
         DELETE FROM revocations WHERE seq = 70",
    );
    copied(&sqlite, &postgres);
    let next = "INSERT INTO revocations (user_id, issued_before)
                VALUES ('5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', 1)";
    let last = |env: &TestEnv| {
        env.database.execute(next);
        env.database
            .text("SELECT CAST(max(seq) AS TEXT) FROM revocations")
    };
    assert_eq!(last(&postgres), "71");
    let at = "SELECT (at = '2026-01-31T08:15:30.250Z')::text FROM revocations WHERE seq = 7";
    assert_eq!(postgres.database.text(at), "true");
    postgres
        .database
        .execute("DELETE FROM revocations WHERE seq = 71");

    let third = TestEnv::with_sqlite();
    fs::create_dir(third.data_dir()).unwrap();
    copied(&postgres, &third);
    let at = third
        .database
        .text("SELECT at FROM revocations WHERE seq = 7");
    assert_eq!(at, "2026-01-31T08:15:30.250Z");
    assert_eq!(last(&third), "72");
}

#[test]
fn tables_are_listed_as_json() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    sqlite.start(&[]).register("ada@example.com");
    let output = copy(&sqlite, &postgres, &["--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    let tables = output.stdout.lines().map(serde_json::from_str);
    let tables: Vec<Value> = tables.collect::<Result<_, _>>().expect("JSON");
    let users = tables.iter().find(|table| table["table"] == "users");
    let users = users.expect("a line for users");
    assert_eq!(users["rows"], json!(1));
    assert_eq!(users["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(users.as_object().map(serde_json::Map::len), Some(3));
}

/// Waits until a statement returns this text.
#[track_caller]
fn wait_for(database: &Database, sql: &str, text: &str) {
    let limit = std::time::Duration::from_secs(20);
    wait_until(sql, limit, || database.text(sql) == text);
}
