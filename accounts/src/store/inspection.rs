//! What an operator wants to know of a database before relying on it.

use crate::{
    clock::{Clock, Timestamp},
    error::Error,
    random::Random,
    store::{database::Database, server_checks, statement::Statement},
};

/// What is known of a database server, and of what this program may do there.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The version of the database system.
    pub version: String,
    /// Whether tables may be created, as migrations do.
    pub may_create_tables: bool,
    /// How far the database's clock is ahead, in milliseconds. It is negative where it is behind. A file has the
    /// clock of this machine.
    pub clock_offset: i64,
}

impl Database {
    /// Asks for the version, the rights and the clock, which is compared with this one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inspect(&self, clock: &impl Clock) -> Result<Inspection, Error> {
        const SQLITE: &str = "
            SELECT sqlite_version(), TRUE, CAST(unixepoch('subsec') * 1000 AS INTEGER)";
        const POSTGRES: &str = "
            SELECT current_setting('server_version'),
                coalesce(has_schema_privilege(current_schema(), 'CREATE'), FALSE),
                CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)";
        let sql = match self {
            Self::Sqlite { .. } => SQLITE,
            Self::Postgres(_) => POSTGRES,
        };
        let row: (String, bool, i64) = self.fetch_one(Statement::new(sql)).await?;
        let (version, may_create_tables, time) = row;
        Ok(Inspection {
            version,
            may_create_tables,
            clock_offset: time.saturating_sub(clock.now().unix_milliseconds()),
        })
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
