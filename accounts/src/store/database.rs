//! The database: SQLite or PostgreSQL, behind one type.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, Connection as _, PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    error::Error,
    store::{
        connection::Connection,
        statement::{Row, Statement},
        transaction::Transaction,
        user_changes::WatchedFile,
    },
};

/// How long a round trip to PostgreSQL may take, on top of the time that a statement runs.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// How often a migration of SQLite is attempted, and the pause between two attempts.
const MIGRATION_ATTEMPTS: usize = 10;
const MIGRATION_PAUSE: Duration = Duration::from_millis(50);

/// The default limits on the number of connections. SQLite reads from memory, so more readers than
/// cores would only compete with each other.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 20;

/// Limits on the use of a database.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseSettings {
    /// The maximum number of connections; for SQLite, of those that read. The default is 20 for
    /// PostgreSQL and 4 for SQLite.
    pub connections: Option<u32>,
    /// How long a request waits for a free connection, and a writer for SQLite's write lock.
    pub wait: Duration,
    /// How long PostgreSQL may work on one statement.
    pub statement_timeout: Duration,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            connections: None,
            wait: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// The location of a database.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// A file on this machine.
    Sqlite(Box<SqliteConnectOptions>),
    /// A PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

/// Why a text is not the URL of a database that can be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// An unsupported scheme.
    #[error("it must start with sqlite:// or postgres://")]
    Scheme,
    /// Connections would not share a database in memory, and a restart would lose it.
    #[error("a database in memory can't be used; name a file")]
    InMemory,
    /// A syntax error. The message does not quote the text, which may contain a password.
    #[error("it can't be read as a database URL")]
    Syntax,
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let scheme = url.split(':').next().unwrap_or_default();
        match scheme {
            "sqlite" if url.contains(":memory:") || url.contains("mode=memory") => {
                Err(InvalidDatabaseUrl::InMemory)
            }
            "sqlite" => SqliteConnectOptions::from_str(url)
                .map(|options| Self::Sqlite(Box::new(options)))
                .map_err(|_| InvalidDatabaseUrl::Syntax),
            "postgres" | "postgresql" => PgConnectOptions::from_str(url)
                .map(|options| Self::Postgres(Box::new(options)))
                .map_err(|_| InvalidDatabaseUrl::Syntax),
            _ => Err(InvalidDatabaseUrl::Scheme),
        }
    }
}

impl DatabaseUrl {
    /// The database file at this path.
    #[must_use]
    pub fn sqlite_file(path: PathBuf) -> Self {
        Self::Sqlite(Box::new(SqliteConnectOptions::new().filename(path)))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names the database without its password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(options) => write!(f, "{}", options.get_filename().display()),
            Self::Postgres(options) => write!(
                f,
                "PostgreSQL at {}:{}, database {}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or(options.get_username()),
            ),
        }
    }
}

/// An open database. Clones share its connections.
#[derive(Clone)]
pub enum Database {
    /// SQLite in WAL mode: readers and the writer never wait for each other.
    Sqlite {
        /// The connections that read.
        read: SqlitePool,
        /// The one connection that writes, so that writers queue up here, in order.
        write: SqlitePool,
        /// The file, watched for changes.
        file: Arc<WatchedFile>,
    },
    /// PostgreSQL.
    Postgres(Postgres),
}

/// An open PostgreSQL database.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    /// How long one statement or one transaction may take, including all waiting.
    limit: Duration,
}

impl Postgres {
    /// The connection pool.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

impl Database {
    /// Opens a database. Creates a SQLite file that does not exist.
    ///
    /// # Errors
    /// When it can't be reached or opened.
    pub async fn open(url: &DatabaseUrl, settings: DatabaseSettings) -> Result<Self, sqlx::Error> {
        match url {
            DatabaseUrl::Sqlite(options) => Self::open_sqlite(options, settings).await,
            DatabaseUrl::Postgres(options) => Self::open_postgres(options, settings).await,
        }
    }

    async fn open_sqlite(
        options: &SqliteConnectOptions,
        settings: DatabaseSettings,
    ) -> Result<Self, sqlx::Error> {
        let options = options
            .clone()
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A commit is on the disk before the request is answered.
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(settings.wait)
            .disable_statement_logging();
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(settings.wait)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        // The writer comes first: it creates the file, in the right mode.
        let write = pool(1).connect_with(options.clone()).await?;
        let file = Arc::new(WatchedFile::new(options.get_filename()));
        let readers = settings.connections.unwrap_or(SQLITE_READERS);
        let read = pool(readers).connect_with(options).await?;
        Ok(Self::Sqlite { read, write, file })
    }

    async fn open_postgres(
        options: &PgConnectOptions,
        settings: DatabaseSettings,
    ) -> Result<Self, sqlx::Error> {
        let DatabaseSettings {
            wait,
            statement_timeout,
            ..
        } = settings;
        let limit = wait + statement_timeout + ROUND_TRIP;
        let milliseconds = |time: Duration| format!("{}ms", time.as_millis());
        let options = options
            .clone()
            .application_name("latchkey")
            .options([
                ("statement_timeout", milliseconds(statement_timeout)),
                // By then, no client is left that would end the transaction.
                ("idle_in_transaction_session_timeout", milliseconds(limit)),
            ])
            .disable_statement_logging();
        // The error of a single connection says what is wrong; the pool would only time out.
        let first = tokio::time::timeout(wait, options.connect()).await;
        first
            .map_err(|_| sqlx::Error::PoolTimedOut)??
            .close()
            .await?;
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections.unwrap_or(POSTGRES_CONNECTIONS))
            .acquire_timeout(wait)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(Postgres { pool, limit }))
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self.writer().await?).await
    }

    /// Runs a statement that writes. Returns the number of affected rows.
    pub(crate) async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        self.writer().await?.execute(statement).await
    }

    /// Runs a statement that writes. Returns the first row of its `RETURNING` clause, if any.
    pub(crate) async fn write_optional<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<T>, Error> {
        self.writer().await?.fetch_optional(statement).await
    }

    /// Runs a statement that writes. Returns all rows of its `RETURNING` clause.
    pub(crate) async fn write_all<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<T>, Error> {
        self.writer().await?.fetch_all(statement).await
    }

    /// Runs a query. Returns its first row, if any.
    pub(crate) async fn fetch_optional<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<T>, Error> {
        self.reader().await?.fetch_optional(statement).await
    }

    /// Runs a query. Returns its first row; having none is an error.
    pub(crate) async fn fetch_one<T: Row>(&self, statement: Statement<'_>) -> Result<T, Error> {
        self.reader().await?.fetch_one(statement).await
    }

    /// Runs a query. Returns all its rows.
    pub(crate) async fn fetch_all<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<T>, Error> {
        self.reader().await?.fetch_all(statement).await
    }

    async fn reader(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::Sqlite { read, .. } => Connection::sqlite(read).await,
            Self::Postgres(postgres) => Connection::postgres(&postgres.pool, postgres.limit).await,
        }
    }

    async fn writer(&self) -> Result<Connection, sqlx::Error> {
        match self {
            Self::Sqlite { write, .. } => Connection::sqlite(write).await,
            Self::Postgres(_) => self.reader().await,
        }
    }

    /// Applies all migrations. Several servers may do this at the same time. PostgreSQL has them
    /// wait for each other. In SQLite each migration is a transaction that one of them wins; the
    /// others fail, try again, and find it applied.
    ///
    /// # Errors
    /// When a migration fails, or the database is newer than this program.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let write = match self {
            Self::Sqlite { write, .. } => write,
            Self::Postgres(postgres) => {
                // There is no time limit: a table may be large, and another server may be first.
                let mut connection = postgres.pool.acquire().await?;
                connection.close_on_drop();
                let no_limit = "SELECT set_config('statement_timeout', '0', false),
                    set_config('idle_in_transaction_session_timeout', '0', false)";
                sqlx::query(no_limit).execute(&mut *connection).await?;
                let migrations = sqlx::migrate!("../migrations/postgres");
                return migrations.run(&mut *connection).await;
            }
        };
        let migrations = sqlx::migrate!("../migrations/sqlite");
        for _ in 1..MIGRATION_ATTEMPTS {
            if migrations.run(write).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(MIGRATION_PAUSE).await;
        }
        migrations.run(write).await
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.reader().await?;
        connection
            .execute(Statement::new("SELECT 1"))
            .await
            .map(drop)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(crate) fn connections(&self) -> (usize, usize) {
        match self {
            Self::Sqlite { read, write, .. } => (
                (read.size() + write.size()) as usize,
                read.num_idle() + write.num_idle(),
            ),
            Self::Postgres(postgres) => (postgres.pool.size() as usize, postgres.pool.num_idle()),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(postgres) => postgres.pool.close().await,
        }
    }
}
