//! The migrations: which have been applied, and bringing the tables up to date.

use std::time::Duration;

use sqlx::{
    ConnectOptions, Executor, PgConnection, SqliteConnection,
    migrate::{AppliedMigration, Migrate, MigrateError, Migrator},
    sqlite::SqliteConnectOptions,
};

use crate::store::database::Database;

/// The table of the applied migrations. The name is our own: another program in the same database may
/// have a table with the name that sqlx chooses.
pub(super) const TABLE: &str = "latchkey_migrations";

/// Its name in the first versions, which is the one that sqlx chooses.
const FORMER_TABLE: &str = "_sqlx_migrations";

const RENAME: &str = "ALTER TABLE _sqlx_migrations RENAME TO latchkey_migrations";

/// The table in which a copy notes how far it is. It is there only while the copy is unfinished.
pub(super) const COPY_TABLE: &str = "latchkey_copy";

/// How often a migration of SQLite is attempted, and the pause between two attempts.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// How often a migration of PostgreSQL waits for a lock on a table, and the pause between two attempts.
const LOCK_ATTEMPTS: usize = 30;
const LOCK_PAUSE: Duration = Duration::from_secs(1);

/// The pause before asking again whether another server has finished.
const TURN_PAUSE: Duration = Duration::from_millis(200);

/// A table may be large, so nothing limits how long a migration works. But requests queue behind one that
/// waits for a lock on a table, so it does not wait longer than they can.
const LIMITS: &str = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET lock_timeout = '2s'";

/// The key is "latchkey" in ASCII. A session that waits in this function, rather than asking again, would be
/// one that `CREATE INDEX CONCURRENTLY` waits for.
const TURN: &str = "SELECT pg_try_advisory_lock(x'6c617463686b6579'::bigint)";

/// Why the tables can't be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A migration was applied that this program does not have, and that it can't serve.
    #[error(
        "its tables are newer than this program (they have migration {0}); start the version that \
         made them or a later one"
    )]
    Newer(i64),
    /// A part of the data is missing.
    #[error("a copy into it was interrupted; run the same latchkey copy again to complete it")]
    UnfinishedCopy,
    /// A migration failed.
    #[error(transparent)]
    Failed(MigrateError),
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        Self::Failed(error)
    }
}

impl MigrationError {
    /// Whether a migration has waited for a lock on a table for as long as it may.
    fn is_lock_timeout(&self) -> bool {
        const LOCK_NOT_AVAILABLE: &str = "55P03";
        match self {
            Self::Failed(MigrateError::ExecuteMigration(sqlx::Error::Database(error), _)) => {
                error.code().is_some_and(|code| code == LOCK_NOT_AVAILABLE)
            }
            _ => false,
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
    /// The tables are those that this program needs, or newer ones that it can serve.
    Current,
}

/// What a copy must know about the tables in a database.
pub(super) struct TableState {
    pub schema: Schema,
    /// The last migration that this program does not have, if any, though it can serve the tables.
    pub unknown: Option<i64>,
    /// Whether a copy into the database is unfinished.
    pub has_unfinished_copy: bool,
}

impl Database {
    /// Finds out which migrations have been applied, without changing anything.
    ///
    /// # Errors
    /// When the database can't be read, is newer than this program, or has only a part of its data because
    /// a copy into it was interrupted.
    pub async fn schema(&self) -> Result<Schema, MigrationError> {
        let state = self.table_state().await?;
        match state.has_unfinished_copy {
            true => Err(MigrationError::UnfinishedCopy),
            false => Ok(state.schema),
        }
    }

    /// Finds out all that a copy must know about the tables, without changing anything.
    pub(super) async fn table_state(&self) -> Result<TableState, MigrationError> {
        match self {
            Self::Sqlite { read, .. } => {
                let mut connection = read.acquire().await.map_err(MigrateError::from)?;
                table_state(&mut *connection, &sqlite()).await
            }
            Self::Postgres(postgres) => {
                let acquired = postgres.pool().acquire().await;
                let mut connection = acquired.map_err(MigrateError::from)?;
                table_state(&mut *connection, &self::postgres()).await
            }
        }
    }

    /// Applies the migrations that are missing. Where none is, nothing is written, so that a role that
    /// may only change rows can start a server. Several servers may do this at the same time. With
    /// PostgreSQL they wait for each other. In SQLite each migration is a transaction that one of
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
                let acquired = postgres.pool().acquire().await;
                let mut connection = acquired.map_err(MigrateError::from)?;
                // It releases the lock and undoes the settings.
                connection.close_on_drop();
                connection.run(LIMITS).await?;
                wait_for_turn(&mut connection).await?;
                for _ in 1..LOCK_ATTEMPTS {
                    match apply(&mut *connection, &self::postgres()).await {
                        Err(error) if error.is_lock_timeout() => {
                            tracing::warn!(%error, "a table is in use; the migration is tried again");
                        }
                        result => return result,
                    }
                    tokio::time::sleep(LOCK_PAUSE).await;
                }
                apply(&mut *connection, &self::postgres()).await
            }
        }
    }
}

/// Waits until no other server applies migrations.
async fn wait_for_turn(connection: &mut PgConnection) -> Result<(), MigrateError> {
    while !sqlx::query_scalar(TURN).fetch_one(&mut *connection).await? {
        tokio::time::sleep(TURN_PAUSE).await;
    }
    Ok(())
}

/// Creates a SQLite database in memory with all tables, to read from it what they are.
pub(super) async fn empty_database() -> Result<SqliteConnection, MigrationError> {
    let options = SqliteConnectOptions::new()
        .in_memory(true)
        .disable_statement_logging();
    let mut connection = options.connect().await.map_err(MigrateError::from)?;
    apply(&mut connection, &sqlite()).await?;
    Ok(connection)
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
    // `check_newer` decides about those that were applied by a later version.
    migrations.set_ignore_missing(true);
    migrations
}

/// A connection to either database that migrations can be applied to.
trait Tables: Migrate {
    /// Whether the database has this table.
    async fn has(&mut self, table: &str) -> Result<bool, MigrateError>;

    /// Runs a statement.
    async fn run(&mut self, sql: &'static str) -> Result<(), MigrateError>;

    /// Returns the number and the name of each migration that was applied.
    async fn applied(&mut self) -> Result<Vec<(i64, String)>, MigrateError>;

    /// Has new tables created where those of the program are.
    async fn enter_schema(&mut self) -> Result<(), MigrateError>;
}

const APPLIED: &str = "SELECT version, description FROM latchkey_migrations ORDER BY version";

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

    async fn applied(&mut self) -> Result<Vec<(i64, String)>, MigrateError> {
        Ok(sqlx::query_as(APPLIED).fetch_all(self).await?)
    }

    async fn enter_schema(&mut self) -> Result<(), MigrateError> {
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

    async fn applied(&mut self) -> Result<Vec<(i64, String)>, MigrateError> {
        Ok(sqlx::query_as(APPLIED).fetch_all(self).await?)
    }

    async fn enter_schema(&mut self) -> Result<(), MigrateError> {
        // New tables are created in the first schema of the search path, which may have been created after
        // the tables that are there, such as one with the name of the role.
        const ENTER: &str =
            "SELECT set_config('search_path', format('%I, %s', nspname, current_setting('search_path')), false)
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE pg_class.oid = to_regclass($1) AND nspname <> current_schema()";
        sqlx::query(ENTER).bind(TABLE).execute(self).await?;
        Ok(())
    }
}

async fn table_state(
    connection: &mut impl Tables,
    migrations: &Migrator,
) -> Result<TableState, MigrationError> {
    let schema = schema(connection, migrations).await?;
    let applied = match connection.has(TABLE).await? {
        true => connection.applied().await?,
        false => Vec::new(),
    };
    let versions = applied.into_iter().map(|(version, _)| version);
    Ok(TableState {
        schema,
        unknown: versions
            .filter(|version| !migrations.version_exists(*version))
            .max(),
        has_unfinished_copy: connection.has(COPY_TABLE).await?,
    })
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
    check_newer(connection, migrations).await?;
    let applied = connection.list_applied_migrations(TABLE).await?;
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
    connection.enter_schema().await?;
    if connection.has(TABLE).await? {
        check_newer(connection, migrations).await?;
    }
    Ok(migrations.run_direct(None, connection, false).await?)
}

/// Checks that this program can serve tables to which a later version has applied its migrations.
async fn check_newer(
    connection: &mut impl Tables,
    migrations: &Migrator,
) -> Result<(), MigrationError> {
    for (version, name) in connection.applied().await? {
        if !migrations.version_exists(version) && !can_serve_after(&name, migrations) {
            return Err(MigrationError::Newer(version));
        }
    }
    Ok(())
}

/// Whether this program can serve tables after a migration that it does not have. The name says so: `expand …`
/// only adds what earlier versions need not know, and `contract 42 …` removes what versions that have
/// migration 42 do not use any more.
fn can_serve_after(name: &str, migrations: &Migrator) -> bool {
    let mut words = name.split(' ');
    match words.next() {
        Some("expand") => true,
        Some("contract") => {
            let needed = words.next().and_then(|number| number.parse().ok());
            needed.is_some_and(|number| migrations.version_exists(number))
        }
        _ => false,
    }
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
