//! The stream of revocations, for services that verify tokens by themselves.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::accounts::Accounts;
use crate::{error::Error, revocations::RevocationReader, store::database::Database};

/// How long a reader waits for a server that is not up to date, as when it has just started.
const WAIT: Duration = Duration::from_secs(2);

/// The pause before looking again.
const PAUSE: Duration = Duration::from_millis(20);

impl Accounts {
    /// Adds a reader of revocations: what is revoked now, and what will be.
    ///
    /// # Errors
    /// `Overloaded` when there are too many readers or revocations; `Unavailable` while this server does
    /// not receive changes from its database, and when it stops.
    pub async fn read_revocations(&self) -> Result<RevocationReader, Error> {
        let (log, ends) = (self.revocations(), Instant::now() + WAIT);
        loop {
            if let Database::Sqlite { read, file, .. } = self.database() {
                log.prepare(read, file).await?;
            }
            if let Some(reader) = log.read()? {
                return Ok(reader);
            }
            if Instant::now() >= ends {
                return Err(Error::Unavailable(sqlx::Error::PoolTimedOut));
            }
            sleep(PAUSE).await;
        }
    }

    /// Ends all streams of revocations, and lets no other begin: the server stops.
    pub fn end_revocation_streams(&self) {
        self.revocations().close();
    }

    /// The lifetime of access tokens.
    #[must_use]
    pub fn access_lifetime(&self) -> Duration {
        self.lifetimes().access
    }
}
