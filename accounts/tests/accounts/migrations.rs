//! Upgrades from every earlier state of the tables.

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
async fn an_empty_database_has_no_tables_and_a_newer_one_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = new_database(folder.path()).await;
    let database = open(&url).await;
    assert_eq!(database.schema().await.unwrap(), Schema::Missing);
    database.migrate().await.unwrap();
    let mut direct = Direct::open(&url).await;
    direct
        .execute("UPDATE latchkey_migrations SET version = 9999 WHERE version = 1")
        .await;
    for result in [database.schema().await.map(drop), database.migrate().await] {
        assert!(
            matches!(result, Err(MigrationError::Newer(9999))),
            "{result:?}"
        );
    }
}
