//! What is not copied, in one clear line.

use std::fs;

use super::{copied, copy, move_secret, postgres};
use crate::support::{Database, Output, TestEnv, free_address};

/// Runs `latchkey copy` with these URLs.
fn copy_urls(env: &TestEnv, from: &str, to: &str) -> Output {
    env.run(&["copy", "--from", from, "--to", to])
}

/// The copy fails with one line that contains this.
#[track_caller]
fn assert_refused(output: &Output, reason: &str) {
    let line = output.assert_fails_with_one_line();
    assert!(line.contains(reason), "{line}");
}

#[test]
fn databases_of_one_kind_are_not_copied() {
    let env = TestEnv::with_sqlite();
    let postgres = "postgres://ada:hush-hush@127.0.0.1:1/x";
    for (from, to) in [
        ("sqlite://data/latchkey.db", "sqlite://data/latchkey.db"),
        ("sqlite://data/latchkey.db", "sqlite://other.db"),
        (postgres, postgres),
        (postgres, "postgres://other.example.com/y"),
    ] {
        let output = copy_urls(&env, from, to);
        assert_refused(&output, "both databases are of one kind");
        assert!(!output.stderr.contains("hush"), "{output:?}");
    }
    assert!(!env.folder().join("other.db").exists());
}

#[test]
fn invalid_urls_are_not_quoted() {
    let env = TestEnv::with_sqlite();
    for (from, to, reason) in [
        (
            "mysql://ada:hush-hush@x/y",
            "sqlite://x.db",
            "--from: it must start with",
        ),
        (
            "sqlite://x.db",
            "postgres://ada:hush-hush@x:port/y",
            "--to: it can't be read",
        ),
        (
            "sqlite::memory:",
            "postgres://x/y",
            "--from: a database in memory",
        ),
    ] {
        let output = copy_urls(&env, from, to);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(reason), "{output:?}");
        assert!(!output.stderr.contains("hush"), "{output:?}");
    }
    assert_eq!(env.run(&["copy", "--to", "sqlite://x.db"]).code, Some(2));
}

#[test]
fn a_source_must_be_there() {
    let env = TestEnv::with_sqlite();
    let missing = "postgres://ada:hush-hush@127.0.0.1:1/x";
    let output = copy_urls(&env, "sqlite://data/latchkey.db", missing);
    assert_refused(
        &output,
        "there is no database of Latchkey in data/latchkey.db",
    );
    assert!(!env.data_dir().exists());

    let address = free_address();
    let silent = format!("postgres://ada:hush-hush@{address}/x?sslmode=disable");
    let output = copy_urls(&env, &silent, "sqlite://new.db");
    assert_refused(
        &output,
        &format!("can't use PostgreSQL at 127.0.0.1:{}", address.port()),
    );
    assert!(!output.stderr.contains("hush"), "{output:?}");
    assert!(!env.folder().join("new.db").exists());

    drop(env.start(&[]));
    let output = copy_urls(&env, "sqlite://data/latchkey.db", &silent);
    assert_refused(
        &output,
        &format!("can't use PostgreSQL at 127.0.0.1:{}", address.port()),
    );
    fs::write(env.folder().join("text"), "not a database").unwrap();
    let output = copy_urls(&env, "sqlite://text", &silent);
    assert_refused(&output, "can't use text: ");
}

#[test]
fn a_source_must_have_all_tables() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    fs::create_dir(sqlite.data_dir()).unwrap();
    assert_refused(
        &copy(&postgres, &sqlite, &[]),
        "there is no database of Latchkey",
    );
    drop(sqlite.start(&[]));
    sqlite.database.execute(
        "DELETE FROM latchkey_migrations WHERE version = (SELECT max(version) FROM latchkey_migrations)",
    );
    assert_refused(&copy(&sqlite, &postgres, &[]), "run latchkey migrate");
    let tables =
        "SELECT count(*)::text FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(postgres.database.text(tables), "0");
}

/// Notes that a later version has applied its migration 9999.
fn add_migration(database: &Database, name: &str) {
    let checksum = match database {
        Database::Sqlite(_) => "x'00'",
        Database::Postgres(_) => "'\\x00'",
    };
    database.execute(&format!(
        "DELETE FROM latchkey_migrations WHERE version = 9999;
         INSERT INTO latchkey_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, '{name}', true, {checksum}, 1)"
    ));
}

/// A server starts with such tables if the name allows it, but a copy would lack what they have in addition.
#[test]
fn a_source_of_a_later_version_is_not_copied() {
    let sqlite = TestEnv::with_sqlite();
    drop(sqlite.start(&[]));
    for name in ["later", "expand later"] {
        add_migration(&sqlite.database, name);
        let silent = "postgres://ada:hush-hush@127.0.0.1:1/x";
        let output = copy_urls(&sqlite, "sqlite://data/latchkey.db", silent);
        let reason = "the tables in data/latchkey.db are newer than this program (they have migration 9999); \
                      copy with the version that made them";
        assert_refused(&output, reason);
    }
    drop(sqlite.start(&[]));
}

#[test]
fn postgresql_of_a_later_version_is_neither_source_nor_target() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    drop(sqlite.start(&[]));
    assert_eq!(postgres.run(&["migrate"]).code, Some(0));
    for name in ["later", "expand later"] {
        add_migration(&postgres.database, name);
        let reason = "are newer than this program (they have migration 9999)";
        assert_refused(&copy(&sqlite, &postgres, &[]), reason);
        let new = format!("sqlite://{}", sqlite.folder().join("new.db").display());
        assert_refused(
            &copy_urls(&sqlite, &postgres.database.address(), &new),
            reason,
        );
        assert!(!sqlite.folder().join("new.db").exists());
    }
    let leftover = "SELECT (to_regclass('latchkey_copy') IS NULL)::text";
    assert_eq!(postgres.database.text(leftover), "true");
}

#[test]
fn a_target_with_users_is_left_alone() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    sqlite.start(&[]).register("ada@example.com");
    postgres.start(&[]).register("grace@example.com");
    let reason = "has data already that is not from this copy, in the table users;";
    assert_refused(&copy(&sqlite, &postgres, &[]), reason);
    assert_eq!(
        postgres
            .database
            .count("users", "email = 'grace@example.com'"),
        1
    );
    drop(postgres.start(&[]));
}

#[test]
fn a_target_may_have_been_started_once() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    let server = sqlite.start(&[]);
    let pair = server.sign_up("ada@example.com");
    let url = server.url();
    drop(server);
    // What was set up before there are users is not lost.
    postgres.start(&[]).service_key("users:read");
    let reason = "in the table service_keys;";
    assert_refused(&copy(&sqlite, &postgres, &[]), reason);
    let leftover = "SELECT (to_regclass('latchkey_copy') IS NULL)::text";
    assert_eq!(postgres.database.text(leftover), "true");
    postgres.database.execute("DELETE FROM service_keys");
    // Another master secret is replaced, as nothing was written with it.
    copied(&sqlite, &postgres);
    move_secret(&sqlite, &postgres);
    let server = postgres.start(&[("LATCHKEY_PUBLIC_URL", &url)]);
    server.assert_valid(&pair);
    drop(server);
    // A complete copy is not made again.
    let reason = "has data already that is not from this copy, in the table users;";
    assert_refused(&copy(&sqlite, &postgres, &[]), reason);
}

/// Values that were written by hand in SQLite, which stores anything.
#[test]
fn a_value_that_would_change_is_not_copied() {
    let Some(postgres) = postgres() else { return };
    let sqlite = TestEnv::with_sqlite();
    let server = sqlite.start(&[]);
    let id = server.register("ada@example.com").id;
    drop(server);
    let is_clean = |database: &Database| database.count("users", "true") == 0;
    for (change, reason) in [
        (
            "jwt_secret = upper(jwt_secret)",
            "users.jwt_secret can't be copied from the row with the id {id}: it is not a UUID in lower case",
        ),
        (
            "jwt_secret = 'hush'",
            "users.jwt_secret can't be copied from the row with the id {id}",
        ),
        (
            "is_active = 7",
            "users.is_active can't be copied from the row with the id {id}: it is neither 0 nor 1",
        ),
        (
            "name = 'a' || char(0)",
            "users.name can't be copied from the row with the id {id}: it contains a zero byte",
        ),
        (
            "date_joined = 'today'",
            "users.date_joined can't be copied from the row with the id {id}: it is not a time",
        ),
        (
            "password_hash = x'00'",
            "users.password_hash can't be copied from the row with the id {id}: it is not a text",
        ),
    ] {
        sqlite
            .database
            .execute("CREATE TABLE kept AS SELECT * FROM users");
        sqlite
            .database
            .execute(&format!("UPDATE users SET {change}"));
        let output = copy(&sqlite, &postgres, &[]);
        assert_refused(&output, &reason.replace("{id}", &id));
        assert!(!output.stderr.contains("hush"), "{output:?}");
        assert!(is_clean(&postgres.database));
        sqlite.database.execute(
            "UPDATE users SET (jwt_secret, is_active, name, date_joined, password_hash) =
                (SELECT jwt_secret, is_active, name, date_joined, password_hash FROM kept)",
        );
        sqlite
            .database
            .execute("DROP TABLE kept; DELETE FROM revocations");
    }
    // Once that is repaired, the copy continues.
    copied(&sqlite, &postgres);
}
