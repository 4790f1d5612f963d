//! The task that deletes expired rows: sessions, used refresh tokens, emailed links,
//! used challenges of passkeys, registrations that nobody has activated, invitations that nobody has accepted, revocations of tokens that have expired by now, old audit events.
//!
//! It deletes a few rows at a time, each batch in a statement and transaction of its own with a pause
//! after it, so that it never blocks anyone for long. On PostgreSQL a batch skips locked rows: it does
//! not wait for requests, servers do not wait for each other, and servers that clean up at the same
//! time share the work. An advisory lock would also keep servers apart, but not requests, and a server
//! that hangs while holding it would stop the cleanup everywhere.
//!
//! While the clock is doubtful, nothing is deleted ([`crate::clock_watch`]).

use std::time::Duration;

use crate::{
    clock_watch::ClockTrust,
    error::Error,
    revocations::relevance,
    service::Accounts,
    store::{
        email_limits, email_tokens::CODE_ATTEMPTS_LIFETIME, expired_rows::ExpiredRows, sessions,
    },
};

/// How many rows are deleted at once, and the pause before the next batch.
const BATCH: u32 = 500;
const PAUSE: Duration = Duration::from_millis(50);

/// The shortest time between two rounds. The time is random, up to twice as long, so that servers
/// that were started together do not clean up together.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(3 * 60);

/// How long deliveries to webhooks stay in the log after they have ended.
const WEBHOOK_LOG: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How far ahead a session must have been used to have been used with a wrong clock.
const FAR_AHEAD: Duration = Duration::from_secs(24 * 60 * 60);

/// The task that deletes expired rows.
pub struct Cleanup(Accounts);

impl Cleanup {
    /// Creates the task.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    /// Cleans up every few minutes, until the future is dropped.
    pub async fn run(self) {
        loop {
            tokio::time::sleep(self.interval()).await;
            match self.0.clean_up().await {
                Ok(deleted) => tracing::debug!(deleted, "deleted expired rows"),
                Err(error) => tracing::warn!(%error, "can't delete expired rows"),
            }
        }
    }

    fn interval(&self) -> Duration {
        let random = u32::from_le_bytes(self.0.random().bytes());
        SHORTEST_INTERVAL.mul_f64(1.0 + f64::from(random) / f64::from(u32::MAX))
    }
}

impl Accounts {
    /// Deletes all rows that have expired, in small batches. Returns the number of deleted rows, which
    /// is 0 while the clock may be wrong.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn clean_up(&self) -> Result<u64, Error> {
        let trust = self.clock_trust().await?;
        if trust == ClockTrust::Doubtful {
            return Ok(0);
        }
        if trust == ClockTrust::Steady {
            let (now, latest_end) = (self.now(), self.now().plus(self.lifetimes().session));
            let from = now.plus(FAR_AHEAD);
            sessions::end_in_time(self.database(), from, now, latest_end).await?;
        }
        let mut deleted = 0;
        for rows in self.expired_rows() {
            deleted += in_batches(|| rows.delete_batch(self.database(), BATCH)).await?;
        }
        // When these expire depends on more than one column.
        deleted += in_batches(|| self.remove_old_sign_in_failures(BATCH)).await?;
        Ok(deleted)
    }

    /// Everything that is deleted by its age. A table with rows that expire has an entry here, and an
    /// index on the time.
    fn expired_rows(&self) -> [ExpiredRows; 16] {
        let (now, lifetimes) = (self.now(), self.lifetimes());
        let rows = |table, key, time, until| ExpiredRows {
            table,
            key,
            time,
            until,
        };
        // At the very end of its grace time, a refresh token can still be exchanged.
        let past_grace = now.minus(lifetimes.grace).minus(Duration::from_millis(1));
        let irrelevant = now.minus(relevance(lifetimes.access));
        let past_codes = now.minus(CODE_ATTEMPTS_LIFETIME);
        [
            // Deleting sessions makes all servers invalidate their users, which does no harm.
            rows("sessions", "id", "expires_at", now),
            rows("sessions", "id", "last_used_at", now.minus(lifetimes.idle)),
            rows("retired_refresh_tokens", "id", "retired_at", past_grace),
            rows("mailed_tokens", "hash", "expires_at", now),
            rows("sign_in_codes", "user_id", "expires_at", now),
            rows("trusted_devices", "hash", "expires_at", now),
            rows("registrations", "id", "expires_at", now),
            rows("invitations", "id", "expires_at", now),
            rows("social_tickets", "hash", "expires_at", now),
            rows(
                "email_limits",
                "key",
                "sent_1",
                now.minus(email_limits::DAY),
            ),
            rows("code_attempts", "key", "updated_at", past_codes),
            rows("used_passkey_challenges", "challenge", "forgotten_at", now),
            rows("revocations", "seq", "at", irrelevant),
            rows("audit_events", "id", "at", now.minus(lifetimes.audit)),
            rows("deleted_accounts", "id", "at", now.minus(lifetimes.audit)),
            rows(
                "webhook_deliveries",
                "seq",
                "finished_at",
                now.minus(WEBHOOK_LOG),
            ),
        ]
    }
}

/// Deletes batch after batch, until one is not full. Returns the number of deleted rows.
async fn in_batches<F>(delete_batch: impl Fn() -> F) -> Result<u64, Error>
where
    F: Future<Output = Result<u64, Error>>,
{
    let mut deleted = 0;
    loop {
        let batch = delete_batch().await?;
        deleted += batch;
        if batch < u64::from(BATCH) {
            return Ok(deleted);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
