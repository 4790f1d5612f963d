//! A database connection that is used for one statement or one transaction.

use std::{io, time::Duration};

use sqlx::{Executor, Sqlite, SqlitePool, pool::PoolConnection};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    error::Error,
    store::{
        connection_errors::{is_closed, is_read_only, is_timeout},
        postgres::{Failures, Moves, Postgres},
        statement::{Row, Statement},
    },
};

/// A connection from one of the pools.
///
/// The pool pings a connection that comes back, without a time limit. Where the network drops
/// packets silently, such connections would occupy the whole pool forever. So this one returns to
/// the pool within a time limit, or is closed.
pub(super) struct Connection {
    pooled: Pooled,
    limit: Limit,
    /// How long its return to the pool may take.
    return_timeout: Duration,
    /// Whether the connection is closed when it is dropped: a transaction was requested and is not
    /// known to have ended, so the next changes would become part of it; or it has failed.
    must_close: bool,
}

enum Pooled {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<sqlx::Postgres>, Failures),
}

impl Connection {
    /// Takes a connection to SQLite.
    pub async fn sqlite(pool: &SqlitePool) -> Result<Self, sqlx::Error> {
        Ok(Self {
            pooled: Pooled::Sqlite(pool.acquire().await?),
            limit: Limit::default(),
            return_timeout: pool.options().get_acquire_timeout(),
            must_close: false,
        })
    }

    /// Takes a connection to PostgreSQL. All that it is used for must be done within the limit.
    pub async fn postgres(database: &Postgres) -> Result<Self, sqlx::Error> {
        let mut limit = Limit {
            deadline: Instant::now().checked_add(database.limit),
            moves: database.moves(),
        };
        let pool = database.pool();
        let acquired = loop {
            // When connections lead to another server, one that is still being opened is given up.
            tokio::select! {
                biased;
                acquired = within(limit.deadline, pool.acquire()) => break acquired,
                () = limit.moves.next() => {}
            }
        };
        let connection = acquired.inspect_err(|_| database.failures.wake())?;
        Ok(Self {
            pooled: Pooled::Postgres(connection, database.failures.clone()),
            limit,
            return_timeout: pool.options().get_acquire_timeout(),
            must_close: false,
        })
    }

    /// Whether this is a connection to SQLite.
    pub fn is_sqlite(&self) -> bool {
        matches!(self.pooled, Pooled::Sqlite(_))
    }

    /// Runs a statement. Returns the number of affected rows.
    pub async fn execute(&mut self, statement: &Statement<'_>) -> Result<u64, Error> {
        Ok(self.try_execute(statement).await?)
    }

    /// Runs a statement. Returns the number of affected rows, and 0 if a unique index rejects it.
    pub async fn execute_unless_duplicate(
        &mut self,
        statement: &Statement<'_>,
    ) -> Result<u64, Error> {
        match self.try_execute(statement).await {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(0),
            result => Ok(result?),
        }
    }

    async fn try_execute(&mut self, statement: &Statement<'_>) -> Result<u64, sqlx::Error> {
        let result = match &mut self.pooled {
            Pooled::Sqlite(connection) => {
                let arguments = statement.arguments::<Sqlite>()?;
                let query = sqlx::query_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                let done = query.execute(&mut **connection).await;
                done.map(|done| done.rows_affected())
            }
            Pooled::Postgres(connection, _) => {
                let arguments = statement.arguments::<sqlx::Postgres>()?;
                let query = sqlx::query_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                let done = self.limit.apply(query.execute(&mut **connection)).await;
                done.map(|done| done.rows_affected())
            }
        };
        self.checked(result)
    }

    /// Runs a statement. Returns its first row, if any.
    pub async fn fetch_optional<T: Row>(
        &mut self,
        statement: &Statement<'_>,
    ) -> Result<Option<T>, Error> {
        let result = match &mut self.pooled {
            Pooled::Sqlite(connection) => {
                let arguments = statement.arguments::<Sqlite>()?;
                let query = sqlx::query_as_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                query.fetch_optional(&mut **connection).await
            }
            Pooled::Postgres(connection, _) => {
                let arguments = statement.arguments::<sqlx::Postgres>()?;
                let query = sqlx::query_as_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                self.limit
                    .apply(query.fetch_optional(&mut **connection))
                    .await
            }
        };
        Ok(self.checked(result)?)
    }

    /// Runs a statement. Returns its first row; having none is an error.
    pub async fn fetch_one<T: Row>(&mut self, statement: &Statement<'_>) -> Result<T, Error> {
        let row = self.fetch_optional(statement).await?;
        row.ok_or_else(|| sqlx::Error::RowNotFound.into())
    }

    /// Runs a statement. Returns all its rows.
    pub async fn fetch_all<T: Row>(&mut self, statement: &Statement<'_>) -> Result<Vec<T>, Error> {
        let result = match &mut self.pooled {
            Pooled::Sqlite(connection) => {
                let arguments = statement.arguments::<Sqlite>()?;
                let query = sqlx::query_as_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                query.fetch_all(&mut **connection).await
            }
            Pooled::Postgres(connection, _) => {
                let arguments = statement.arguments::<sqlx::Postgres>()?;
                let query = sqlx::query_as_with(statement.sql.clone(), arguments)
                    .persistent(statement.is_kept);
                self.limit.apply(query.fetch_all(&mut **connection)).await
            }
        };
        Ok(self.checked(result)?)
    }

    /// Begins a transaction.
    pub async fn begin(&mut self) -> Result<(), sqlx::Error> {
        self.must_close = true;
        let result = match &mut self.pooled {
            // It takes the write lock at once, and so can't fail halfway because another process has
            // written in the meantime.
            Pooled::Sqlite(connection) => {
                let done = (&mut **connection).execute("BEGIN IMMEDIATE").await;
                done.map(drop)
            }
            Pooled::Postgres(connection, _) => {
                let done = (&mut **connection).execute("BEGIN");
                self.limit.apply(done).await.map(drop)
            }
        };
        self.checked(result)
    }

    /// Commits the transaction.
    pub async fn commit(&mut self) -> Result<(), sqlx::Error> {
        let result = match &mut self.pooled {
            Pooled::Sqlite(connection) => (&mut **connection).execute("COMMIT").await.map(drop),
            Pooled::Postgres(connection, _) => {
                let done = (&mut **connection).execute("COMMIT");
                self.limit.apply(done).await.map(drop)
            }
        };
        self.checked(result)?;
        self.must_close = false;
        Ok(())
    }

    /// Rolls the transaction back. Where that fails or takes too long, the connection is closed.
    pub async fn roll_back(mut self) {
        let limit = self.return_timeout;
        let is_done = match &mut self.pooled {
            Pooled::Sqlite(connection) => {
                let rolled_back = timeout(limit, (&mut **connection).execute("ROLLBACK")).await;
                rolled_back.is_ok_and(|result| result.is_ok())
            }
            Pooled::Postgres(connection, _) => {
                let rolled_back = timeout(limit, (&mut **connection).execute("ROLLBACK")).await;
                rolled_back.is_ok_and(|result| result.is_ok())
            }
        };
        self.must_close = !is_done;
    }

    /// Notes whether the connection has failed, rather than the statement.
    fn checked<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if let (Pooled::Postgres(_, failures), Err(error)) = (&self.pooled, &result)
            && (is_closed(error) || is_timeout(error) || is_read_only(error))
        {
            failures.note();
            self.must_close = true;
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let (must_close, limit) = (self.must_close, self.return_timeout);
        match &mut self.pooled {
            Pooled::Sqlite(connection) => release(connection, must_close, limit),
            Pooled::Postgres(connection, _) => release(connection, must_close, limit),
        }
    }
}

/// Closes a connection or returns it to its pool, in the background.
fn release<DB: sqlx::Database>(
    connection: &mut PoolConnection<DB>,
    must_close: bool,
    limit: Duration,
) {
    match tokio::runtime::Handle::try_current() {
        Ok(_) if must_close => connection.close_on_drop(),
        // What dropping it does as well, but as a future: it is public, though not documented. It
        // leaves nothing in `connection` to be returned again.
        Ok(runtime) => drop(runtime.spawn(timeout(limit, connection.return_to_pool()))),
        // When the process ends, there is no runtime left. Dropping the future closes it.
        Err(_) => drop(connection.return_to_pool()),
    }
}

/// When the operations of a connection must be done. PostgreSQL enforces its own limits, but can't tell
/// anyone at the other end of a dead network connection.
#[derive(Default)]
struct Limit {
    deadline: Option<Instant>,
    moves: Moves,
}

impl Limit {
    /// Waits for an operation until the deadline, if there is one, or until another server is the primary
    /// one: then this one may never answer.
    async fn apply<T>(
        &mut self,
        operation: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        tokio::select! {
            biased;
            result = within(self.deadline, operation) => result,
            () = self.moves.next() => Err(io::Error::from(io::ErrorKind::ConnectionAborted).into()),
        }
    }
}

/// Waits for an operation until the deadline, if there is one.
async fn within<T>(
    deadline: Option<Instant>,
    operation: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let Some(deadline) = deadline else {
        return operation.await;
    };
    timeout_at(deadline, operation)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
