//! The task that removes what is over: sessions, used refresh tokens, mailed links, old audit
//! events.
//!
//! It takes a few rows at a time, each batch a statement and transaction of its own with a pause
//! after it, so that nobody waits for it for long. In PostgreSQL a batch passes over rows that are
//! locked: neither does it wait for requests, nor do servers for one another, and those that clean
//! up at the same moment share the work. An advisory lock would keep servers apart as well, but
//! not requests, and whoever hangs while holding it would stop the cleanup everywhere.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use crate::{Accounts, Database, Error, Timestamp, store::statement::Statement};

/// How many rows are removed at once, and the pause before the next.
const BATCH: u32 = 500;
const PAUSE: Duration = Duration::from_millis(50);

/// The time between two rounds is drawn from here on, as long again at most: so servers that were
/// started together don't stay together.
const SHORTEST_REST: Duration = Duration::from_secs(3 * 60);

/// Rows of a table that are over once a time of theirs has come.
struct Expiring {
    table: &'static str,
    /// What names a row.
    key: &'static str,
    time: &'static str,
    /// Those whose time was before this, or is this.
    until: Timestamp,
}

impl Expiring {
    /// Removes a batch; how many there were.
    async fn remove_batch(&self, database: &Database) -> Result<u64, Error> {
        let Self {
            table, key, time, ..
        } = self;
        let passing_over_locked = match database {
            Database::Sqlite { .. } => "",
            Database::Postgres { .. } => "FOR UPDATE SKIP LOCKED",
        };
        let sql = format!(
            "DELETE FROM {table} WHERE {key} IN (
                SELECT {key} FROM {table} WHERE {time} <= $1 ORDER BY {time} LIMIT $2
                {passing_over_locked}
            )"
        );
        let statement = Statement::new(AssertSqlSafe(sql))
            .bind(self.until)
            .bind(BATCH);
        database.execute(statement).await
    }
}

/// The task that removes what is over.
pub struct Cleanup(Accounts);

impl Cleanup {
    /// For these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Cleans up every few minutes, until it is dropped.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(self.rest()).await;
            match self.0.clean_up().await {
                Ok(removed) => tracing::debug!(removed, "cleaned up"),
                Err(error) => tracing::warn!(%error, "can't remove what is over"),
            }
        }
    }

    fn rest(&self) -> Duration {
        let part = f64::from(u32::from_le_bytes(self.0.random_bytes())) / f64::from(u32::MAX);
        SHORTEST_REST.mul_f64(1.0 + part)
    }
}

impl Accounts {
    /// Removes all that is over now, in small batches; how many rows there were.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clean_up(&self) -> Result<u64, Error> {
        let mut removed = 0;
        for expiring in self.expiring() {
            removed += in_batches(|| expiring.remove_batch(self.database())).await?;
        }
        // Their age depends on how many there were.
        removed += in_batches(|| self.remove_old_sign_in_failures(BATCH)).await?;
        Ok(removed)
    }

    /// All that is removed by its age: a table with a row for each thing that ends has its line
    /// here, and an index on that time.
    fn expiring(&self) -> [Expiring; 5] {
        let (now, lifetimes) = (self.now(), self.lifetimes());
        [
            // Servers are told of removed sessions, and forget their users: no harm.
            Expiring {
                table: "sessions",
                key: "id",
                time: "expires_at",
                until: now,
            },
            Expiring {
                table: "sessions",
                key: "id",
                time: "last_used_at",
                until: now.minus(lifetimes.idle),
            },
            Expiring {
                table: "retired_refresh_tokens",
                key: "id",
                time: "retired_at",
                // At the grace's very end a token still gets a pair.
                until: now.minus(lifetimes.grace).minus(Duration::from_millis(1)),
            },
            Expiring {
                table: "mailed_tokens",
                key: "hash",
                time: "expires_at",
                until: now,
            },
            Expiring {
                table: "audit_events",
                key: "id",
                time: "at",
                until: now.minus(lifetimes.audit),
            },
        ]
    }
}

/// Removes batch after batch, until one is not full; how many rows there were.
async fn in_batches<F>(remove_batch: impl Fn() -> F) -> Result<u64, Error>
where
    F: Future<Output = Result<u64, Error>>,
{
    let mut removed = 0;
    loop {
        let batch = remove_batch().await?;
        removed += batch;
        if batch < u64::from(BATCH) {
            return Ok(removed);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
