//! The migrations: which have been applied, and bringing the tables up to date.

use std::time::Duration;

use sqlx::{
    Executor, PgConnection, SqliteConnection,
    migrate::{AppliedMigration, Migrate, MigrateError, Migrator},
};

use crate::store::database::Database;

/// The table of the applied migrations. The name is our own: another program in the same database may
/// have a table with the name that sqlx chooses.
const TABLE: &str = "latchkey_migrations";

/// Its name in the first versions, which is the one that sqlx chooses.
const FORMER_TABLE: &str = "_sqlx_migrations";

const RENAME: &str = "ALTER TABLE _sqlx_migrations RENAME TO latchkey_migrations";

/// How often a migration of SQLite is attempted, and the pause between two attempts.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Why the tables can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration was applied that this program does not have.
    #[error(
        "its tables are newer than this program (they have migration {0}); start the version that \
         made them or a later one"
    )]
    Newer(i64),
    /// A migration failed.
    #[error(transparent)]
    Failed(MigrateError),
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMissing(version) => Self::Newer(version),
            error => Self::Failed(error),
        }
    }
}

/// The state of the tables in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// There are no tables.
    Missing,
    /// Migrations are to be applied.
    Outdated,
    /// The tables are those that this program needs.
    Current,
}

impl Database {
    /// Finds out which migrations have been applied, without changing anything.
    ///
    /// # Errors
    /// When the database can't be read, or is newer than this program.
    pub async fn schema(&self) -> Result<Schema, MigrationError> {
        match self {
            Self::Sqlite { read, .. } => {
                let mut connection = read.acquire().await.map_err(MigrateError::from)?;
                schema(&mut *connection, &sqlite()).await
            }
            Self::Postgres(postgres) => {
                let acquired = postgres.pool().acquire().await;
                let mut connection = acquired.map_err(MigrateError::from)?;
                schema(&mut *connection, &self::postgres()).await
            }
        }
    }

    /// Applies the migrations that are missing. Where none is, nothing is written, so that a role that
    /// may only change rows can start a server. Several servers may do this at the same time.
    /// PostgreSQL has them wait for each other. In SQLite each migration is a transaction that one of
    /// them wins; the others fail, try again, and find it applied.
    ///
    /// # Errors
    /// When a migration fails, or the database is newer than this program.
    pub async fn migrate(&self) -> Result<(), MigrationError> {
        if self.schema().await? == Schema::Current {
            return Ok(());
        }
        match self {
            Self::Sqlite { write, .. } => {
                for _ in 1..ATTEMPTS {
                    let mut connection = write.acquire().await.map_err(MigrateError::from)?;
                    if apply(&mut *connection, &sqlite()).await.is_ok() {
                        return Ok(());
                    }
                    drop(connection);
                    tokio::time::sleep(PAUSE).await;
                }
                let mut connection = write.acquire().await.map_err(MigrateError::from)?;
                apply(&mut *connection, &sqlite()).await
            }
            Self::Postgres(postgres) => {
                // Closing the connection releases the lock and undoes the settings. There is no time
                // limit: a table may be large, and another server may be first.
                let acquired = postgres.pool().acquire().await;
                let mut connection = acquired.map_err(MigrateError::from)?;
                connection.close_on_drop();
                let no_limit =
                    "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
                connection.run(no_limit).await?;
                // The key is "latchkey" in ASCII.
                let lock = "SELECT pg_advisory_lock(x'6c617463686b6579'::bigint)";
                connection.run(lock).await?;
                apply(&mut *connection, &self::postgres()).await
            }
        }
    }
}

fn sqlite() -> Migrator {
    with_own_names(sqlx::migrate!("../migrations/sqlite"))
}

fn postgres() -> Migrator {
    with_own_names(sqlx::migrate!("../migrations/postgres"))
}

fn with_own_names(mut migrations: Migrator) -> Migrator {
    migrations.dangerous_set_table_name(TABLE);
    // sqlx's lock has the same key for every program in the database.
    migrations.set_locking(false);
    migrations
}

/// A connection to either database that migrations can be applied to.
trait Tables: Migrate {
    /// Whether the database has this table.
    async fn has(&mut self, table: &str) -> Result<bool, MigrateError>;

    /// Runs a statement.
    async fn run(&mut self, sql: &'static str) -> Result<(), MigrateError>;
}

impl Tables for SqliteConnection {
    async fn has(&mut self, table: &str) -> Result<bool, MigrateError> {
        let found: Option<(String,)> =
            sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'table' AND name = $1")
                .bind(table)
                .fetch_optional(self)
                .await?;
        Ok(found.is_some())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), MigrateError> {
        self.execute(sql).await?;
        Ok(())
    }
}

impl Tables for PgConnection {
    async fn has(&mut self, table: &str) -> Result<bool, MigrateError> {
        Ok(sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(table)
            .fetch_one(self)
            .await?)
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), MigrateError> {
        self.execute(sql).await?;
        Ok(())
    }
}

async fn schema(
    connection: &mut impl Tables,
    migrations: &Migrator,
) -> Result<Schema, MigrationError> {
    if !connection.has(TABLE).await? {
        let has_former = has_former_table(connection, migrations).await?;
        return Ok(if has_former {
            Schema::Outdated
        } else {
            Schema::Missing
        });
    }
    let applied = connection.list_applied_migrations(TABLE).await?;
    if let Some(unknown) = applied
        .iter()
        .find(|row| !migrations.version_exists(row.version))
    {
        return Err(MigrationError::Newer(unknown.version));
    }
    let is_applied = |version, checksum: &[u8]| {
        applied
            .iter()
            .any(|row| row.version == version && *row.checksum == *checksum)
    };
    let mut all = migrations.iter();
    if all.all(|migration| is_applied(migration.version, &migration.checksum)) {
        Ok(Schema::Current)
    } else {
        Ok(Schema::Outdated)
    }
}

async fn apply(connection: &mut impl Tables, migrations: &Migrator) -> Result<(), MigrationError> {
    if !connection.has(TABLE).await? && has_former_table(connection, migrations).await? {
        connection.run(RENAME).await?;
    }
    Ok(migrations.run_direct(None, connection, false).await?)
}

/// Whether the table with the former name is there and is ours: its first migration has the content of
/// our first one.
async fn has_former_table(
    connection: &mut impl Tables,
    migrations: &Migrator,
) -> Result<bool, MigrateError> {
    if !connection.has(FORMER_TABLE).await? {
        return Ok(false);
    }
    // A table that can't be read has other columns or another owner: it is not ours.
    let rows = connection.list_applied_migrations(FORMER_TABLE).await;
    let is_ours = |row: &AppliedMigration| {
        let mut all = migrations.iter();
        all.next()
            .is_some_and(|first| row.version == first.version && row.checksum == first.checksum)
    };
    Ok(rows.is_ok_and(|rows| rows.iter().any(is_ours)))
}
