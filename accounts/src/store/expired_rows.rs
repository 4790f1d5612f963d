//! Deletes rows that expire, in small batches.

use sqlx::AssertSqlSafe;

use crate::{
    clock::Timestamp,
    error::Error,
    store::{database::Database, statement::Statement},
};

/// Returns the newest time up to `now` at which a session was used or an event recorded.
pub(crate) async fn newest_time(
    database: &Database,
    now: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "
        SELECT max(time) FROM (
            SELECT max(last_used_at) AS time FROM sessions WHERE last_used_at <= $1
            UNION ALL SELECT max(at) FROM audit_events WHERE at <= $1
        ) AS times";
    let (newest,) = database.fetch_one(Statement::new(SQL).bind(now)).await?;
    Ok(newest)
}

/// Rows of a table that expire at a time which one of its columns holds.
pub(crate) struct ExpiredRows {
    pub table: &'static str,
    /// The primary key.
    pub key: &'static str,
    pub time: &'static str,
    /// Rows with this time or an earlier one are deleted.
    pub until: Timestamp,
}

impl ExpiredRows {
    /// Deletes up to `limit` rows. Returns the number of deleted rows. On PostgreSQL it skips rows
    /// that are locked.
    pub async fn delete_batch(&self, database: &Database, limit: u32) -> Result<u64, Error> {
        let Self {
            table, key, time, ..
        } = self;
        let skip_locked = match database {
            Database::Sqlite { .. } => "",
            Database::Postgres { .. } => "FOR UPDATE SKIP LOCKED",
        };
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN (
                SELECT {key} FROM {table} WHERE {time} <= $1 ORDER BY {time} LIMIT $2
                {skip_locked}
            )"
        );
        let statement = Statement::new(AssertSqlSafe(sql))
            .bind(self.until)
            .bind(limit);
        database.execute(statement).await
    }
}
