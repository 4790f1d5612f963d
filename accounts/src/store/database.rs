//! The two databases, as one.

use std::{
    fmt, io,
    ops::{Deref, DerefMut},
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, SqlitePool, Transaction,
    pool::PoolConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{Error, store::user_changes::WatchedFile};

/// How long it may take to reach PostgreSQL and to hear from it, on top of what it works.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// How often a migration of SQLite is tried, and the pause between two tries.
const MIGRATION_ATTEMPTS: usize = 10;
const MIGRATION_PAUSE: Duration = Duration::from_millis(50);

/// How many connections are kept at most, unless it is set. SQLite answers from memory, so that more
/// readers than cores only get into each other's way.
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 20;

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseSettings {
    /// How many connections are kept at most, those of SQLite for reading only; 20 to PostgreSQL and 4
    /// to SQLite where nothing is said.
    pub connections: Option<u32>,
    /// How long a request waits for a free connection, and a writer in SQLite for its turn.
    pub wait: Duration,
    /// How long PostgreSQL works on one statement before it gives up.
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

/// Where the data is.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// In a file of this machine.
    Sqlite(Box<SqliteConnectOptions>),
    /// In a PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
}

/// Why a text names no database.
#[derive(Debug, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// Another scheme.
    #[error("it must start with sqlite:// or postgres://")]
    Scheme,
    /// Several connections would not share it, and a restart would lose it.
    #[error("a database in memory can't be used; name a file")]
    InMemory,
    /// The rest can't be read. The text itself is not shown: it may hold a password.
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

/// An open database. Clones share their connections.
#[derive(Clone)]
pub enum Database {
    /// SQLite: many readers and one writer, which never wait for each other.
    Sqlite {
        /// For reading.
        read: SqlitePool,
        /// For writing: one connection, so that writers queue up here, in order.
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
    /// How long a connection is waited for.
    wait: Duration,
    /// How long statements, or a transaction, may take with all the waiting.
    limit: Duration,
}

impl Postgres {
    /// A free connection.
    pub(crate) async fn acquire(&self) -> Result<PostgresConnection, sqlx::Error> {
        Ok(PostgresConnection {
            connection: self.pool.acquire().await?,
            wait: self.wait,
            is_beginning: false,
        })
    }

    /// Its connections, for tools that take one as it is.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// A connection of the pool's. The pool asks one that comes back whether it is alive, and would wait
/// for an answer for ever, with the place of another one: whoever cuts a line without a word would
/// take all places, one by one. So this one goes back in time, or not at all.
pub(crate) struct PostgresConnection {
    connection: PoolConnection<sqlx::Postgres>,
    wait: Duration,
    /// Whether a transaction was asked for and is not known to have begun.
    is_beginning: bool,
}

impl PostgresConnection {
    /// Begins a transaction. sqlx counts one from the answer on: where nobody waits for that any
    /// more, as the client has gone, the connection would go back with an open transaction, and the
    /// next user's changes would be part of it.
    pub async fn begin(&mut self) -> Result<Transaction<'_, sqlx::Postgres>, sqlx::Error> {
        self.is_beginning = true;
        let transaction = self.connection.begin().await?;
        self.is_beginning = false;
        Ok(transaction)
    }
}

impl Deref for PostgresConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PostgresConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for PostgresConnection {
    fn drop(&mut self) {
        if self.is_beginning {
            self.connection.close_on_drop();
            return;
        }
        // What dropping it does as well, but to be waited for: sqlx shows it in its source only. After
        // this the connection has nothing left to give back.
        let back = self.connection.return_to_pool();
        // Without a runtime, at the end of a process, it is closed.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(self.wait, back));
        }
    }
}

/// Runs the same code on a connection to whichever database this is, within the time that it may
/// take; one to SQLite comes from the pool that is named first. To be called as [`reading!`] or
/// [`writing!`].
macro_rules! on_connection {
    ($pool:ident, $database:expr, $connection:ident => $code:expr) => {
        $database
            .with_timeout(async {
                Ok(match $database {
                    $crate::Database::Sqlite { $pool, .. } => {
                        let mut connection = $pool.acquire().await?;
                        let $connection = &mut *connection;
                        $code
                    }
                    $crate::Database::Postgres(postgres) => {
                        let mut connection = postgres.acquire().await?;
                        let $connection = &mut *connection;
                        $code
                    }
                })
            })
            .await?
    };
}

/// Runs code that only reads; for statements that write, take [`writing!`].
macro_rules! reading {
    ($database:expr, $connection:ident => $code:expr) => {
        $crate::store::database::on_connection!(read, $database, $connection => $code)
    };
}

/// As [`reading!`], for statements that write.
macro_rules! writing {
    ($database:expr, $connection:ident => $code:expr) => {
        $crate::store::database::on_connection!(write, $database, $connection => $code)
    };
}

/// As [`writing!`], for a transaction. Its code gives a `Result`; where it returns without a commit,
/// nothing has happened.
macro_rules! in_transaction {
    ($database:expr, $transaction:ident => $code:expr) => {
        $database
            .with_timeout(async {
                match $database {
                    // It takes its turn at once, so that it never finds out halfway that another has
                    // written meanwhile.
                    $crate::Database::Sqlite { write, .. } => {
                        let mut $transaction = write.begin_with("BEGIN IMMEDIATE").await?;
                        $code
                    }
                    $crate::Database::Postgres(postgres) => {
                        let mut connection = postgres.acquire().await?;
                        let mut $transaction = connection.begin().await?;
                        $code
                    }
                }
            })
            .await
    };
}

pub(crate) use {in_transaction, on_connection, reading, writing};

impl Database {
    /// Opens a database; a SQLite file that isn't there is made.
    ///
    /// # Errors
    /// When it can't be reached or opened.
    pub async fn open(url: &DatabaseUrl, settings: DatabaseSettings) -> Result<Self, sqlx::Error> {
        let DatabaseSettings {
            connections,
            wait,
            statement_timeout,
        } = settings;
        match url {
            DatabaseUrl::Sqlite(options) => {
                let options = options
                    .as_ref()
                    .clone()
                    .create_if_missing(true)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // A commit is on the disk before it is answered for.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(wait)
                    .disable_statement_logging();
                let pool = |connections| {
                    SqlitePoolOptions::new()
                        .max_connections(connections)
                        .acquire_timeout(wait)
                        .idle_timeout(None)
                        .max_lifetime(None)
                        .test_before_acquire(false)
                };
                // The writer comes first: it makes the file, in the right mode.
                let write = pool(1).connect_with(options.clone()).await?;
                let file = Arc::new(WatchedFile::new(options.get_filename()));
                let readers = connections.unwrap_or(SQLITE_READERS);
                let read = pool(readers).connect_with(options).await?;
                Ok(Self::Sqlite { read, write, file })
            }
            DatabaseUrl::Postgres(options) => {
                let limit = wait + statement_timeout + ROUND_TRIP;
                let milliseconds = |time: Duration| format!("{}ms", time.as_millis());
                let options = options
                    .as_ref()
                    .clone()
                    .application_name("latchkey")
                    .options([
                        ("statement_timeout", milliseconds(statement_timeout)),
                        // Nobody is left who would end it.
                        ("idle_in_transaction_session_timeout", milliseconds(limit)),
                    ])
                    .disable_statement_logging();
                // A first connection says clearly what is wrong; the pool would only wait.
                let first = tokio::time::timeout(wait, options.connect()).await;
                first
                    .map_err(|_| sqlx::Error::PoolTimedOut)??
                    .close()
                    .await?;
                let pool = PgPoolOptions::new()
                    .max_connections(connections.unwrap_or(POSTGRES_CONNECTIONS))
                    .acquire_timeout(wait)
                    .test_before_acquire(false)
                    .connect_with(options)
                    .await?;
                Ok(Self::Postgres(Postgres { pool, wait, limit }))
            }
        }
    }

    /// What this code gives, if it does so in time. PostgreSQL keeps its own limits, but can't tell
    /// anybody at the end of a line that was cut without a word.
    pub(crate) async fn with_timeout<T>(
        &self,
        code: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self {
            Self::Sqlite { .. } => code.await,
            Self::Postgres(postgres) => tokio::time::timeout(postgres.limit, code)
                .await
                .map_err(|_| sqlx::Error::from(io::Error::from(io::ErrorKind::TimedOut)))?,
        }
    }

    /// Brings the tables up to date. Several servers may do this at the same time: PostgreSQL has
    /// them wait for each other. In SQLite each step is a transaction that one of them wins; the
    /// others fail, try again, and find it done.
    ///
    /// # Errors
    /// When a step fails, or the database is newer than this program.
    pub async fn migrate(&self) -> Result<(), sqlx::migrate::MigrateError> {
        let write = match self {
            Self::Sqlite { write, .. } => write,
            Self::Postgres(postgres) => {
                // It takes as long as it takes: a large table's, or another server's.
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

    /// Whether it answers.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), Error> {
        reading!(self, connection => {
            sqlx::query("SELECT 1").execute(connection).await.map(drop)?
        });
        Ok(())
    }

    /// How many connections are open, and how many of them are idle.
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
