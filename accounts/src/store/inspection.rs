//! What an operator wants to know of a database before relying on it.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    random::Random,
    store::{database::Database, server_checks, statement::Statement},
};

/// What is known of a database server, and of what this program may do there.
#[derive(Clone, Debug, FromRow)]
pub struct Inspection {
    /// The version of the database system.
    pub version: String,
    /// Whether tables may be created, as migrations do.
    pub may_create_tables: bool,
    /// The database's clock, in milliseconds since 1970. A file has the clock of this machine.
    clock: i64,
}

impl Inspection {
    /// How far the database's clock is ahead of this time, in milliseconds. It is negative where it is behind.
    #[must_use]
    pub fn clock_offset(&self, now: Timestamp) -> i64 {
        self.clock.saturating_sub(now.unix_milliseconds())
    }
}

impl Database {
    /// Asks for the version, the rights and the clock.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inspect(&self) -> Result<Inspection, Error> {
        const SQLITE: &str = "
            SELECT sqlite_version() AS version, TRUE AS may_create_tables,
                CAST(unixepoch('subsec') * 1000 AS INTEGER) AS clock";
        const POSTGRES: &str = "
            SELECT current_setting('server_version') AS version,
                coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE) AS may_create_tables,
                CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS clock";
        let sql = match self {
            Self::Sqlite { .. } => SQLITE,
            Self::Postgres(_) => POSTGRES,
        };
        self.fetch_one(Statement::new(sql)).await
    }

    /// Writes and replaces a row that means nothing.
    ///
    /// # Errors
    /// When the database can't be written.
    pub async fn try_to_write(&self, random: &dyn Random) -> Result<(), Error> {
        server_checks::write(self, random.bytes()).await
    }

    /// Returns the time of the newest audit event, if there is any.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn newest_event(&self) -> Result<Option<Timestamp>, Error> {
        const SQL: &str = "SELECT at FROM audit_events ORDER BY at DESC LIMIT 1";
        let row: Option<(Timestamp,)> = self.fetch_optional(Statement::new(SQL)).await?;
        Ok(row.map(|(at,)| at))
    }
}
