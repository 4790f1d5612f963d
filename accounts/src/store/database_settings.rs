//! Limits on the use of a database.

use std::time::Duration;

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
