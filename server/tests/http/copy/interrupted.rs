//! Copies that are interrupted, and continue; and a source that changes.

use std::{
    fs::{self, File},
    process::Child,
    sync::Arc,
};

use super::{copied, copy, move_secret, postgres, wait_for};
use crate::support::{Database, TestEnv};

/// More users than two batches.
const USERS: usize = 5000;

/// A user in the third batch.
const STUCK: &str = "00000000-0000-4000-8000-000000004500";

/// Creates an installation with many users.
fn many_users() -> Arc<TestEnv> {
    let env = TestEnv::with_sqlite();
    drop(env.start(&[]));
    env.database.execute(&format!(
        "WITH RECURSIVE numbers (number) AS
            (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < {USERS})
         INSERT INTO users (id, email, password_hash, jwt_secret, date_joined, roles)
         SELECT printf('00000000-0000-4000-8000-%012d', number), 'user-' || number || '@example.com', 'x',
            '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2026-01-31T08:15:30.250Z', '[\"editor\"]'
         FROM numbers"
    ));
    env
}

/// A copy that is running. It is killed when dropped, as by SIGKILL.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a copy, and waits until it is in the middle of the users: a trigger waits in the third batch.
fn start_copy(from: &TestEnv, to: &TestEnv) -> Running {
    to.database.execute(&format!(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
         CREATE TRIGGER wait BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.id = '{STUCK}')
            EXECUTE FUNCTION wait()"
    ));
    let file = |name: &str| File::create(from.folder().join(name)).expect("a file");
    let mut command = from.command(&[]);
    command
        .args(["copy", "--from", &from.database.address()])
        .args(["--to", &to.database.address()])
        .stdout(file("copy-stdout"))
        .stderr(file("copy-stderr"));
    let running = Running(command.spawn().expect("the program starts"));
    wait_for(
        &to.database,
        "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
        "1",
    );
    running
}

/// Ends what a killed copy has left in the database server, and removes the trigger.
fn clean_up(database: &Database) {
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    database.execute("DROP TRIGGER wait ON users; DROP FUNCTION wait");
}

/// PostgreSQL's numbers of the transactions that have written the users, to see what is written again.
fn writers(database: &Database) -> String {
    database.text(
        "SELECT string_agg(xmin::text, ' ' ORDER BY id) FROM
            (SELECT xmin, id FROM users ORDER BY id LIMIT 4000) AS first",
    )
}

#[test]
fn a_killed_copy_continues_where_it_was() {
    let Some(postgres) = postgres() else { return };
    assert_eq!(postgres.run(&["migrate"]).code, Some(0));
    let sqlite = many_users();
    let running = start_copy(&sqlite, &postgres);
    drop(running);
    clean_up(&postgres.database);
    assert_eq!(postgres.database.count("users", "true"), 4000);
    let written = writers(&postgres.database);

    // No server starts with a part of the data, and it is no source.
    for arguments in [&["serve"][..], &["migrate"], &["user", "list"]] {
        let output = postgres.run(arguments);
        let line = output.assert_fails_with_one_line();
        assert!(line.contains("run the same latchkey copy again"), "{line}");
    }
    let line = copy(&postgres, &TestEnv::with_sqlite(), &[]);
    let line = line.assert_fails_with_one_line();
    assert!(line.contains("run the same latchkey copy again"), "{line}");

    let lines = copied(&sqlite, &postgres);
    assert!(lines.contains(&format!("users\t{USERS}\t")), "{lines}");
    assert!(lines.contains(&format!("user_roles\t{USERS}\t")), "{lines}");
    assert_eq!(writers(&postgres.database), written);
    move_secret(&sqlite, &postgres);
    drop(postgres.start(&[]));
}

#[test]
fn nobody_writes_to_the_source_during_a_copy() {
    let Some(postgres) = postgres() else { return };
    assert_eq!(postgres.run(&["migrate"]).code, Some(0));
    let sqlite = many_users();
    let running = start_copy(&sqlite, &postgres);
    let settings = [("LATCHKEY_DB_ACQUIRE_TIMEOUT", "1s")];
    let mut command = sqlite.command(&settings);
    command.args(["user", "deactivate", "--email", "user-1@example.com"]);
    let output = sqlite.run_command(command, "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("database is locked"), "{line}");
    // Reading is possible.
    assert_eq!(sqlite.run(&["user", "list"]).code, Some(0));
    // A second copy is refused.
    let output = copy(&sqlite, &postgres, &[]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("database is locked"), "{output:?}");
    drop(running);
    clean_up(&postgres.database);
}

#[test]
fn a_change_between_two_runs_is_found() {
    let Some(postgres) = postgres() else { return };
    assert_eq!(postgres.run(&["migrate"]).code, Some(0));
    let sqlite = many_users();
    drop(start_copy(&sqlite, &postgres));
    clean_up(&postgres.database);
    sqlite
        .database
        .execute("UPDATE users SET name = 'Ada' WHERE email = 'user-7@example.com'");
    for _ in 0..2 {
        let output = copy(&sqlite, &postgres, &[]);
        assert_eq!((output.code, &*output.stdout), (Some(1), ""));
        let line = output.stderr.lines().last().expect("a line");
        let expected = "the databases differ after the copy: users (5000 rows in the source, 5000 in the target);";
        assert!(line.contains(expected), "{line}");
    }
    let output = postgres.run(&["serve"]);
    output.assert_fails_with_one_line();
}

#[test]
fn an_interrupted_copy_belongs_to_its_source() {
    let Some(postgres) = postgres() else { return };
    assert_eq!(postgres.run(&["migrate"]).code, Some(0));
    let sqlite = many_users();
    drop(start_copy(&sqlite, &postgres));
    clean_up(&postgres.database);
    let other = TestEnv::with_sqlite();
    drop(other.start(&[]));
    let output = copy(&other, &postgres, &[]);
    let line = output.assert_fails_with_one_line();
    let file = fs::canonicalize(sqlite.data_dir().join("latchkey.db")).unwrap();
    let expected = format!("has a part of the copy of {}", file.display());
    assert!(line.contains(&expected), "{line}");
    copied(&sqlite, &postgres);
}
