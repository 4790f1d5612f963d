//! How many login attempts are written at the same time.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{error::Error, store::database::Database};

/// How many attempts may be written at once. SQLite has one writer, which everything that is written
/// queues for: attempts queue among themselves first, so that a flood of them has one place in that
/// queue, and a refresh or a sign-out waits for one of them at most.
const WRITERS: usize = 1;

/// The same for PostgreSQL, where each occupies one of 20 connections by default.
const POSTGRES_WRITERS: usize = 8;

/// How long an attempt may wait for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// Limits how many attempts are written at the same time.
pub(super) struct AttemptWriters(Semaphore);

impl AttemptWriters {
    pub fn new(database: &Database) -> Self {
        let writers = match database {
            Database::Sqlite { .. } => WRITERS,
            Database::Postgres(_) => POSTGRES_WRITERS,
        };
        Self(Semaphore::new(writers))
    }

    /// Waits for the turn to write.
    ///
    /// # Errors
    /// `Overloaded` after a time.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        match tokio::time::timeout(TURN_TIMEOUT, self.0.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Error::Overloaded),
        }
    }
}
