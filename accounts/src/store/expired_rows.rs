//! Deletes rows that expire, in small batches.

use sqlx::AssertSqlSafe;

use crate::{
    clock::Timestamp,
    error::Error,
    store::{database::Database, statement::Statement},
};

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
