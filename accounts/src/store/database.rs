//! The database: SQLite or PostgreSQL, behind one type.

use std::{sync::Arc, time::Duration};

use sqlx::{
    ConnectOptions, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;

use crate::{
    error::Error,
    store::{
        connection::Connection,
        connection_errors::is_closed,
        database_settings::DatabaseSettings,
        database_url::DatabaseUrl,
        postgres::Postgres,
        postgres_servers::may_pass,
        statement::{Row, Statement},
        transaction::Transaction,
        user_changes::WatchedFile,
    },
};

/// The default limit on the number of connections that read. SQLite reads from memory, so more
/// readers than cores would only compete with each other.
const SQLITE_READERS: u32 = 4;

/// The pause before connecting is tried again at the start.
const PAUSE: Duration = Duration::from_secs(1);

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

impl Database {
    /// Opens a database. Creates a SQLite file that does not exist.
    ///
    /// # Errors
    /// When it can't be reached or opened.
    pub async fn open(url: &DatabaseUrl, settings: DatabaseSettings) -> Result<Self, sqlx::Error> {
        match url {
            DatabaseUrl::Sqlite(options) => Self::open_sqlite(options, settings).await,
            DatabaseUrl::Postgres(servers) => {
                Postgres::open(servers, settings).await.map(Self::Postgres)
            }
        }
    }

    /// Opens a database as [`Self::open`] does, and waits up to `patience` for a PostgreSQL server that can't
    /// be reached yet or is still starting, as when both start together.
    ///
    /// # Errors
    /// The last one.
    pub async fn open_when_ready(
        url: &DatabaseUrl,
        settings: DatabaseSettings,
        patience: Duration,
    ) -> Result<Self, sqlx::Error> {
        let end = Instant::now() + patience;
        loop {
            match Self::open(url, settings).await {
                Err(error)
                    if url.file().is_none() && may_pass(&error) && Instant::now() + PAUSE < end =>
                {
                    tracing::warn!(%error, "the database can't be reached yet");
                    tokio::time::sleep(PAUSE).await;
                }
                result => return result,
            }
        }
    }

    async fn open_sqlite(
        options: &SqliteConnectOptions,
        settings: DatabaseSettings,
    ) -> Result<Self, sqlx::Error> {
        let options = sqlite_options(options, settings.wait).create_if_missing(true);
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

    /// Begins a transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, Error> {
        match Transaction::begin(self.writer().await?).await {
            // Nothing has happened yet.
            Err(error) if was_closed(&error) => Transaction::begin(self.writer().await?).await,
            result => result,
        }
    }

    /// Runs a statement that writes. Returns the number of affected rows.
    pub(crate) async fn execute(&self, statement: Statement<'_>) -> Result<u64, Error> {
        self.writer().await?.execute(&statement).await
    }

    /// Runs a statement that writes. Returns the first row of its `RETURNING` clause, if any.
    pub(crate) async fn write_optional<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<T>, Error> {
        self.writer().await?.fetch_optional(&statement).await
    }

    /// Runs a statement that writes. Returns all rows of its `RETURNING` clause.
    pub(crate) async fn write_all<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<T>, Error> {
        self.writer().await?.fetch_all(&statement).await
    }

    /// Runs a query. Returns its first row, if any.
    pub(crate) async fn fetch_optional<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<T>, Error> {
        match self.reader().await?.fetch_optional(&statement).await {
            Err(error) if was_closed(&error) => {
                self.reader().await?.fetch_optional(&statement).await
            }
            result => result,
        }
    }

    /// Runs a query. Returns its first row; having none is an error.
    pub(crate) async fn fetch_one<T: Row>(&self, statement: Statement<'_>) -> Result<T, Error> {
        let row = self.fetch_optional(statement).await?;
        row.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Runs a query. Returns all its rows.
    pub(crate) async fn fetch_all<T: Row>(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<T>, Error> {
        match self.reader().await?.fetch_all(&statement).await {
            Err(error) if was_closed(&error) => self.reader().await?.fetch_all(&statement).await,
            result => result,
        }
    }

    /// Takes a connection that reads. Whatever keeps it from being opened, the database can't serve.
    async fn reader(&self) -> Result<Connection, Error> {
        match self {
            Self::Sqlite { read, .. } => Connection::sqlite(read).await,
            Self::Postgres(postgres) => Connection::postgres(postgres).await,
        }
        .map_err(Error::Unavailable)
    }

    async fn writer(&self) -> Result<Connection, Error> {
        match self {
            Self::Sqlite { write, .. } => {
                Connection::sqlite(write).await.map_err(Error::Unavailable)
            }
            Self::Postgres(_) => self.reader().await,
        }
    }

    /// Checks that the database can be read.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let statement = Statement::new("SELECT count(*) FROM server_checks");
        let (_,): (i64,) = self.fetch_one(statement).await?;
        Ok(())
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(crate) fn connections(&self) -> (usize, usize) {
        match self {
            Self::Sqlite { read, write, .. } => (
                (read.size() + write.size()) as usize,
                read.num_idle() + write.num_idle(),
            ),
            Self::Postgres(postgres) => {
                (postgres.pool().size() as usize, postgres.pool().num_idle())
            }
        }
    }

    /// Returns the largest number of connections that may be open.
    pub(crate) fn max_connections(&self) -> usize {
        let limit = match self {
            Self::Sqlite { read, write, .. } => {
                read.options().get_max_connections() + write.options().get_max_connections()
            }
            Self::Postgres(postgres) => postgres.pool().options().get_max_connections(),
        };
        limit as usize
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(postgres) => postgres.pool().close().await,
        }
    }
}

/// How each connection to a SQLite file is opened. A writer waits this long for the write lock.
pub(super) fn sqlite_options(
    options: &SqliteConnectOptions,
    wait: Duration,
) -> SqliteConnectOptions {
    options
        .clone()
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit is on the disk before the request is answered.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(wait)
        .disable_statement_logging()
}

/// Whether a connection was closed while it was idle, or at least before its answer came. What has no
/// effect is then repeated: the next connection is a new one, or has been tested.
fn was_closed(error: &Error) -> bool {
    matches!(error, Error::Unavailable(error) if is_closed(error))
}
