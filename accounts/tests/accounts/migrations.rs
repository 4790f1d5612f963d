//! Upgrades from every earlier state of the tables.

use std::time::Duration;

use accounts::{Database, DatabaseSettings, DatabaseUrl, MigrationError, Schema};
use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, SqliteConnection, migrate::Migrator,
};

use crate::support::new_database;

/// Up to this migration, the migrations were listed in the table that sqlx chooses.
const LAST_IN_FORMER_TABLE: i64 = 8;

const USER: &str = "INSERT INTO users (id, email, password_hash, jwt_secret, date_joined)
    VALUES ('6f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32', 'ada@example.com', '$argon2id$', \
    '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2026-03-01T12:00:00.000000Z')";

enum Direct {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Direct {
    async fn open(url: &DatabaseUrl) -> Self {
        match url {
            DatabaseUrl::Sqlite(options) => {
                let options = options.clone().create_if_missing(true);
                Self::Sqlite(options.connect().await.unwrap())
            }
            DatabaseUrl::Postgres(servers) => {
                Self::Postgres(servers.options()[0].connect().await.unwrap())
            }
        }
    }

    fn migrations(&self) -> Migrator {
        match self {
            Self::Sqlite(_) => sqlx::migrate!("../migrations/sqlite"),
            Self::Postgres(_) => sqlx::migrate!("../migrations/postgres"),
        }
    }

    /// Applies the migrations up to this one, as an earlier version did.
    async fn migrate_to(&mut self, version: i64) {
        let mut migrations = self.migrations();
        if version > LAST_IN_FORMER_TABLE {
            migrations.dangerous_set_table_name("latchkey_migrations");
        }
        match self {
            Self::Sqlite(connection) => migrations.run_to(version, connection).await.unwrap(),
            Self::Postgres(connection) => migrations.run_to(version, connection).await.unwrap(),
        }
    }

    async fn execute(&mut self, sql: &'static str) {
        match self {
            Self::Sqlite(connection) => drop(connection.execute(sql).await.unwrap()),
            Self::Postgres(connection) => drop(connection.execute(sql).await.unwrap()),
        }
    }

    async fn count(&mut self, sql: &'static str) -> Result<i64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
            Self::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(connection).await,
        }
    }

    async fn close(self) {
        match self {
            Self::Sqlite(connection) => connection.close().await.unwrap(),
            Self::Postgres(connection) => connection.close().await.unwrap(),
        }
    }
}

async fn open(url: &DatabaseUrl) -> Database {
    Database::open(url, DatabaseSettings::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn every_earlier_state_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let versions: Vec<i64> = {
        let direct = Direct::open(&new_database(folder.path()).await).await;
        direct
            .migrations()
            .iter()
            .map(|migration| migration.version)
            .collect()
    };
    for version in &versions {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database(folder.path()).await;
        let mut direct = Direct::open(&url).await;
        direct.migrate_to(*version).await;
        if *version <= LAST_IN_FORMER_TABLE {
            direct.execute(USER).await;
        }
        let users = direct.count("SELECT count(*) FROM users").await.unwrap();
        direct.close().await;

        let database = open(&url).await;
        let is_last = Some(version) == versions.last();
        let expected = if is_last {
            Schema::Current
        } else {
            Schema::Outdated
        };
        assert_eq!(database.schema().await.unwrap(), expected, "{version}");
        // Several servers may start at the same time.
        let other = open(&url).await;
        let (one, two) = tokio::join!(database.migrate(), other.migrate());
        one.unwrap();
        two.unwrap();
        assert_eq!(
            database.schema().await.unwrap(),
            Schema::Current,
            "{version}"
        );
        database.migrate().await.unwrap();

        let mut direct = Direct::open(&url).await;
        let applied = direct
            .count("SELECT count(*) FROM latchkey_migrations")
            .await;
        assert_eq!(applied.unwrap(), i64::try_from(versions.len()).unwrap());
        assert!(
            direct
                .count("SELECT count(*) FROM _sqlx_migrations")
                .await
                .is_err()
        );
        assert_eq!(
            direct.count("SELECT count(*) FROM users").await.unwrap(),
            users
        );
    }
}

#[tokio::test]
async fn an_empty_database_has_no_tables() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&new_database(folder.path()).await).await;
    assert_eq!(database.schema().await.unwrap(), Schema::Missing);
}

/// The version before serves what this one leaves, as long as the names of the migrations say that it can.
#[tokio::test]
async fn newer_tables_are_served_if_their_migrations_allow_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let database = open(&url).await;
    database.migrate().await.unwrap();
    let mut direct = Direct::open(&url).await;
    direct
        .execute(
            "INSERT INTO latchkey_migrations (version, description, success, checksum, execution_time)
            SELECT 9998, 'expand passkeys', TRUE, checksum, 1 FROM latchkey_migrations WHERE version = 1",
        )
        .await;
    assert_eq!(database.schema().await.unwrap(), Schema::Current);
    database.migrate().await.unwrap();
    for (rename, is_served) in [
        (
            "UPDATE latchkey_migrations SET description = 'contract 38 webhooks' WHERE version = 9998",
            true,
        ),
        (
            "UPDATE latchkey_migrations SET description = 'contract 9997 webhooks' WHERE version = 9998",
            false,
        ),
        (
            "UPDATE latchkey_migrations SET description = 'contract webhooks' WHERE version = 9998",
            false,
        ),
        (
            "UPDATE latchkey_migrations SET description = 'breaking webhooks' WHERE version = 9998",
            false,
        ),
        (
            "UPDATE latchkey_migrations SET description = 'expanded' WHERE version = 9998",
            false,
        ),
        (
            "UPDATE latchkey_migrations SET description = 'expand webhooks' WHERE version = 9998",
            true,
        ),
    ] {
        direct.execute(rename).await;
        for result in [database.schema().await.map(drop), database.migrate().await] {
            let is_refused = matches!(result, Err(MigrationError::Newer(9998)));
            assert_eq!(
                (result.is_ok(), is_refused),
                (is_served, !is_served),
                "{rename}"
            );
        }
    }
    // What is missing is added to newer tables, too.
    direct
        .execute("DELETE FROM latchkey_migrations WHERE version = 40")
        .await;
    direct.execute("DROP TABLE invitations").await;
    assert_eq!(database.schema().await.unwrap(), Schema::Outdated);
    database.migrate().await.unwrap();
    assert_eq!(
        direct
            .count("SELECT count(*) FROM invitations")
            .await
            .unwrap(),
        0
    );
}

/// Whether the version before can serve the tables is decided when a migration is written.
#[tokio::test]
async fn every_migration_says_whether_the_version_before_can_serve() {
    const LAST_WITHOUT: i64 = 41;
    let all = [
        sqlx::migrate!("../migrations/sqlite"),
        sqlx::migrate!("../migrations/postgres"),
    ];
    for migrations in all {
        for migration in migrations
            .iter()
            .filter(|migration| migration.version > LAST_WITHOUT)
        {
            let mut words = migration.description.split(' ');
            let is_marked = match words.next() {
                Some("expand" | "breaking") => true,
                Some("contract") => {
                    let needed = words.next().and_then(|number| number.parse().ok());
                    needed.is_some_and(|number| migrations.version_exists(number))
                }
                _ => false,
            };
            assert!(
                is_marked,
                "{}: see \"Migrations\" in CONTRIBUTING.md",
                migration.description
            );
        }
    }
}

/// A transaction that reads for long, as a backup does, holds up the migration, and nothing else.
#[tokio::test]
async fn requests_do_not_queue_behind_a_migration_that_waits() {
    const WAITING: &str =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let mut reader = Direct::open(&url).await;
    if matches!(reader, Direct::Sqlite(_)) {
        return; // readers and the writer never wait for each other
    }
    // The next one changes the table of users.
    reader.migrate_to(33).await;
    let mut long_reader = Direct::open(&url).await;
    long_reader
        .execute("BEGIN; LOCK TABLE users IN ACCESS SHARE MODE")
        .await;
    reader.execute("SET statement_timeout = '30s'").await;
    let database = open(&url).await;
    let migrating = tokio::spawn(async move { database.migrate().await });
    for _ in 0..2 {
        while reader.count(WAITING).await.unwrap() == 0 {
            assert!(!migrating.is_finished());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(reader.count("SELECT count(*) FROM users").await.unwrap(), 0);
    }
    long_reader.execute("COMMIT").await;
    migrating.await.unwrap().unwrap();
    let migrated = open(&url).await.schema().await.unwrap();
    assert_eq!(migrated, Schema::Current);
}

/// The first schema of the search path, or that of the tables that are there.
#[tokio::test]
async fn tables_stay_together_in_one_schema() {
    const SEARCH_APP: &str = "DO $$ BEGIN EXECUTE
        format('ALTER DATABASE %I SET search_path = app, public', current_database()); END $$";
    const IN_APP: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = 'app'";
    const IN_PUBLIC: &str = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    for has_tables in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let url = new_database(folder.path()).await;
        let mut direct = Direct::open(&url).await;
        if matches!(direct, Direct::Sqlite(_)) {
            return; // it has no schemas
        }
        if has_tables {
            direct.migrate_to(LAST_IN_FORMER_TABLE).await;
            direct.execute(USER).await;
        }
        direct.execute("CREATE SCHEMA app").await;
        direct.execute(SEARCH_APP).await;
        let database = open(&url).await;
        database.migrate().await.unwrap();
        assert_eq!(database.schema().await.unwrap(), Schema::Current);
        let [in_app, in_public] = [
            direct.count(IN_APP).await.unwrap(),
            direct.count(IN_PUBLIC).await.unwrap(),
        ];
        assert_eq!((in_app == 0, in_public == 0), (has_tables, !has_tables));
        if has_tables {
            assert_eq!(direct.count("SELECT count(*) FROM users").await.unwrap(), 1);
        }
    }
}
