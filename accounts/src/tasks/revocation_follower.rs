//! The task that follows the log of revocations in a SQLite file while services read it.

use std::time::Duration;

use crate::{service::Accounts, store::database::Database};

/// How often the file is looked at: eight bytes in memory that is shared with the system.
const PERIOD: Duration = Duration::from_millis(4);

/// The pause after the file could not be read.
const PAUSE: Duration = Duration::from_millis(200);

/// The task that tells services about revocations, with SQLite.
pub struct RevocationFollower(Accounts);

impl RevocationFollower {
    /// Creates the task.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Follows the log until the future is dropped. With PostgreSQL there is nothing to do: revocations
    /// arrive as notifications.
    pub async fn run(self) {
        let log = self.0.revocations();
        let mut is_failing = false;
        while let Database::Sqlite { read, file, .. } = self.0.database() {
            log.wait_for_readers().await;
            let result = log.follow(read, file).await;
            if let Err(error) = &result
                && !is_failing
            {
                tracing::warn!(%error, "can't read the revocations; services have to introspect");
            }
            is_failing = result.is_err();
            // A file whose changes can't be noticed is queried each time.
            let watches = file.is_watched() && !is_failing;
            tokio::time::sleep(if watches {
                PERIOD
            } else {
                PAUSE.min(log.heartbeat_period())
            })
            .await;
        }
    }
}
