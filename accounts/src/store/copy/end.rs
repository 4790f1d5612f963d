//! One of the two databases of a copy, with the one connection that is used for it.

use std::{io, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection as _, Executor, PgConnection, Sqlite,
    SqliteConnection,
};
use tokio::time::timeout;

use super::{
    binary,
    error::CopyError,
    plan::{Table, quoted},
    rows::{from_postgres, from_sqlite},
    sql,
    value::{Row, Value},
};
use crate::store::{
    database::sqlite_options,
    database_url::DatabaseUrl,
    postgres::with_own_options,
    statement::{self, Statement},
};

/// How long a database may take for one step: a batch of rows, or counting those of a table.
const STEP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// How much longer to wait for PostgreSQL, which has the same limit.
const ROUND_TRIP: Duration = Duration::from_secs(5);

/// A database that is copied from or to.
pub(super) struct End {
    name: String,
    connection: Connection,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(Box<PgConnection>),
}

impl End {
    /// Connects to a database that exists. `wait` is how long it waits for a connection, and for a lock.
    pub async fn open(url: &DatabaseUrl, wait: Duration) -> Result<Self, CopyError> {
        let name = url.to_string();
        let opened = within(async {
            Ok(match url {
                DatabaseUrl::Sqlite(options) => {
                    let options = sqlite_options(options, wait).create_if_missing(false);
                    Connection::Sqlite(options.connect().await?)
                }
                DatabaseUrl::Postgres(servers) => {
                    let servers = with_own_options(servers);
                    let (_, mut connection) = servers.connect(0, wait).await?;
                    let limits = format!(
                        "SET statement_timeout = {}; SET lock_timeout = {}; \
                         SET idle_in_transaction_session_timeout = 0",
                        STEP_LIMIT.as_millis(),
                        wait.as_millis()
                    );
                    connection.execute(AssertSqlSafe(limits)).await?;
                    Connection::Postgres(Box::new(connection))
                }
            })
        });
        match opened.await {
            Ok(connection) => Ok(Self { name, connection }),
            Err(source) => Err(CopyError::Unusable {
                database: name,
                source: source.into(),
            }),
        }
    }

    /// The database, without its password.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The connection, if this is PostgreSQL.
    pub fn postgres(&mut self) -> Option<&mut PgConnection> {
        match &mut self.connection {
            Connection::Sqlite(_) => None,
            Connection::Postgres(connection) => Some(connection),
        }
    }

    /// Begins a transaction in which nobody else changes the tables.
    pub async fn lock(&mut self, tables: &[Table]) -> Result<(), CopyError> {
        let names: Vec<_> = tables.iter().map(|table| quoted(&table.name)).collect();
        let lock = match &self.connection {
            Connection::Sqlite(_) => "BEGIN IMMEDIATE".to_owned(),
            Connection::Postgres(_) => format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE {} IN SHARE MODE",
                names.join(", ")
            ),
        };
        self.run("users", "locked; stop the servers first", lock)
            .await
    }

    /// Begins a transaction.
    pub async fn begin(&mut self, table: &str) -> Result<(), CopyError> {
        let begin = match &self.connection {
            Connection::Sqlite(_) => "BEGIN IMMEDIATE",
            Connection::Postgres(_) => "BEGIN",
        };
        self.run(table, "written", begin.to_owned()).await
    }

    /// Commits a transaction.
    pub async fn commit(&mut self, table: &str) -> Result<(), CopyError> {
        self.run(table, "written", "COMMIT".to_owned()).await
    }

    /// Closes the connection. A transaction that is open is rolled back.
    pub async fn close(self) {
        let closed = within(async {
            match self.connection {
                Connection::Sqlite(connection) => connection.close().await,
                Connection::Postgres(connection) => connection.close().await,
            }
        });
        // All that matters has been committed.
        let _ = closed.await;
    }

    /// Runs SQL without parameters. The operation is for an error.
    pub async fn run(
        &mut self,
        table: &str,
        operation: &'static str,
        sql: String,
    ) -> Result<(), CopyError> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        let done = within(async {
            match &mut self.connection {
                Connection::Sqlite(connection) => sql.execute(connection).await.map(drop),
                Connection::Postgres(connection) => sql.execute(&mut **connection).await.map(drop),
            }
        });
        done.await
            .map_err(|error| self.failed(table, operation, error))
    }

    /// Runs a statement that writes. Returns the number of affected rows.
    pub async fn execute(
        &mut self,
        table: &str,
        statement: &Statement<'_>,
    ) -> Result<u64, CopyError> {
        let done = within(self.connection.execute(statement));
        done.await
            .map_err(|error| self.failed(table, "written", error))
    }

    /// Runs a query. Returns all its rows.
    pub async fn fetch_all<T: statement::Row>(
        &mut self,
        table: &str,
        statement: &Statement<'_>,
    ) -> Result<Vec<T>, CopyError> {
        let rows = within(async {
            match &mut self.connection {
                Connection::Sqlite(connection) => {
                    let arguments = statement.arguments::<Sqlite>()?;
                    let query = sqlx::query_as_with(statement.sql.clone(), arguments);
                    query.fetch_all(connection).await
                }
                Connection::Postgres(connection) => {
                    let arguments = statement.arguments::<sqlx::Postgres>()?;
                    let query = sqlx::query_as_with(statement.sql.clone(), arguments);
                    query.fetch_all(&mut **connection).await
                }
            }
        });
        rows.await
            .map_err(|error| self.failed(table, "read", error))
    }

    /// Runs a query for one number.
    pub async fn number(
        &mut self,
        table: &str,
        statement: Statement<'_>,
    ) -> Result<i64, CopyError> {
        let rows: Vec<(i64,)> = self.fetch_all(table, &statement).await?;
        Ok(rows.first().map_or(0, |(number,)| *number))
    }

    /// Returns the number of rows in a table.
    pub async fn count(&mut self, table: &Table) -> Result<i64, CopyError> {
        let sql = format!("SELECT count(*) FROM {}", quoted(&table.name));
        self.number(&table.name, Statement::new(AssertSqlSafe(sql)))
            .await
    }

    /// Reads the next rows of a table: up to `limit` in the order of the primary key, after this one.
    pub async fn read(
        &mut self,
        table: &Table,
        after: Option<&[Value]>,
        limit: u32,
    ) -> Result<Vec<Row>, CopyError> {
        let sql = sql::select(table, self.is_sqlite(), after.is_some(), limit);
        let mut statement = Statement::new(AssertSqlSafe(sql));
        for value in after.unwrap_or_default() {
            statement = statement.bind(value);
        }
        let read = within(async {
            Ok(match &mut self.connection {
                Connection::Sqlite(connection) => {
                    let arguments = statement.arguments::<Sqlite>()?;
                    let query = sqlx::query_with(statement.sql.clone(), arguments);
                    let rows = query.fetch_all(connection).await?;
                    rows.iter().map(|row| from_sqlite(row, table)).collect()
                }
                Connection::Postgres(connection) => {
                    let arguments = statement.arguments::<sqlx::Postgres>()?;
                    let query = sqlx::query_with(statement.sql.clone(), arguments);
                    let rows = query.fetch_all(&mut **connection).await?;
                    rows.iter().map(|row| from_postgres(row, table)).collect()
                }
            })
        });
        match read.await {
            Ok(rows) => rows,
            Err(error) => Err(self.failed(&table.name, "read", error)),
        }
    }

    /// Adds rows to a table.
    pub async fn write(&mut self, table: &Table, rows: &[Row]) -> Result<(), CopyError> {
        let written = within(async {
            match &mut self.connection {
                Connection::Sqlite(_) => {
                    let insert = sql::insert(table);
                    for row in rows {
                        let sql = AssertSqlSafe(insert.as_str());
                        let statement = row.iter().fold(Statement::new(sql), Statement::bind);
                        self.connection.execute(&statement).await?;
                    }
                }
                Connection::Postgres(connection) => {
                    let mut copy = connection.copy_in_raw(&sql::copy(table)).await?;
                    copy.send(binary::encode(rows)).await?;
                    copy.finish().await?;
                }
            }
            Ok(())
        });
        written
            .await
            .map_err(|error| self.failed(&table.name, "written", error))
    }

    /// Lets PostgreSQL find out what is in a table, to choose the right indexes from the start.
    pub async fn analyze(&mut self, table: &Table) -> Result<(), CopyError> {
        if self.is_sqlite() {
            return Ok(());
        }
        let sql = format!("ANALYZE {}", quoted(&table.name));
        self.run(&table.name, "analyzed", sql).await
    }

    fn is_sqlite(&self) -> bool {
        matches!(self.connection, Connection::Sqlite(_))
    }

    fn failed(&self, table: &str, operation: &'static str, source: sqlx::Error) -> CopyError {
        CopyError::Failed {
            database: self.name.clone(),
            table: table.to_owned(),
            operation,
            source,
        }
    }

    /// Returns the last number that a numbered table has given to a row.
    pub async fn last_number(&mut self, table: &Table) -> Result<i64, CopyError> {
        let statement = Statement::new(AssertSqlSafe(sql::last_number(table, self.is_sqlite())));
        self.number(&table.name, statement).await
    }

    /// Makes a numbered table give the following numbers to new rows.
    pub async fn continue_after(&mut self, table: &Table, last: i64) -> Result<(), CopyError> {
        for sql in sql::continue_after(table, self.is_sqlite(), last) {
            self.run(&table.name, "written", sql).await?;
        }
        Ok(())
    }
}

impl Connection {
    async fn execute(&mut self, statement: &Statement<'_>) -> Result<u64, sqlx::Error> {
        match self {
            Self::Sqlite(connection) => {
                let arguments = statement.arguments::<Sqlite>()?;
                let query = sqlx::query_with(statement.sql.clone(), arguments);
                let done = query.execute(connection).await;
                done.map(|done| done.rows_affected())
            }
            Self::Postgres(connection) => {
                let arguments = statement.arguments::<sqlx::Postgres>()?;
                let query = sqlx::query_with(statement.sql.clone(), arguments);
                let done = query.execute(&mut **connection).await;
                done.map(|done| done.rows_affected())
            }
        }
    }
}

/// Waits for a step of a database.
async fn within<T>(step: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, sqlx::Error> {
    let done = timeout(STEP_LIMIT + ROUND_TRIP, step).await;
    done.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
