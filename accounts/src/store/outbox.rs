//! The table `outbox`: emails that wait to be sent. Each is added in the transaction of the change
//! that it is about, and removed once a mail server has accepted it.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    backoff::backoff,
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// How long delivery of an email is attempted.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause after the first failure. Each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// An email to be added to the outbox.
pub(crate) struct NewEmail {
    pub id: Id,
    /// The user who owns the email address, if any. The email is deleted with the user.
    pub user_id: Option<Id>,
    /// An encrypted [`crate::email::template::Email`].
    pub content: Vec<u8>,
    pub now: Timestamp,
}

/// Adds an email to the outbox.
pub(crate) async fn enqueue(transaction: &mut Transaction, email: &NewEmail) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO outbox (id, user_id, content, created_at, due_at) VALUES ($1, $2, $3, $4, $4)";
    let statement = Statement::new(SQL)
        .bind(email.id)
        .bind(email.user_id)
        .bind(&email.content)
        .bind(email.now);
    transaction.execute(statement).await.map(drop)
}

/// An email that only this server sends, until its lease ends.
#[derive(FromRow)]
pub(crate) struct LeasedEmail {
    pub id: Id,
    pub content: Vec<u8>,
    pub created_at: Timestamp,
    /// The number of attempts, including this one. It also identifies the lease.
    pub attempts: i32,
}

/// The result of an attempt to deliver an email.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// A mail server has accepted it.
    Sent,
    /// It can never be sent.
    PermanentFailure,
    /// It will be attempted again.
    TemporaryFailure,
}

impl LeasedEmail {
    /// Leases up to `limit` emails that are due. Other servers leave them alone until the lease
    /// ends.
    pub async fn take(
        database: &Database,
        now: Timestamp,
        lease_ends: Timestamp,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        // The condition is stated twice: a second server waits for the first one's update, and then
        // finds that the row is no longer due.
        const SQL: &str = "
            UPDATE outbox SET due_at = $2, attempts = attempts + 1
            WHERE (due_at <= $1 OR due_at > $4) AND id IN (
                SELECT id FROM outbox WHERE due_at <= $1 OR due_at > $4 ORDER BY due_at LIMIT $3
            )
            RETURNING id, content, created_at, attempts";
        let statement = Statement::new(SQL)
            .bind(now)
            .bind(lease_ends)
            .bind(limit)
            // No pause is this long: the clock has been set back.
            .bind(now.plus(LONGEST_PAUSE + CLOCK_SKEW));
        database.write_all(statement).await
    }

    /// Records the outcomes of deliveries in one transaction. An email whose lease has ended in the
    /// meantime is left to its new holder.
    pub async fn record_outcomes(
        database: &Database,
        outcomes: &[(Self, DeliveryOutcome)],
        now: Timestamp,
    ) -> Result<(), Error> {
        const REMOVE: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2";
        const POSTPONE: &str = "UPDATE outbox SET due_at = $3 WHERE id = $1 AND attempts = $2";
        let mut transaction = database.begin().await?;
        for (email, outcome) in outcomes {
            let statement = if email.is_final(*outcome, now) {
                Statement::new(REMOVE).bind(email.id).bind(email.attempts)
            } else {
                Statement::new(POSTPONE)
                    .bind(email.id)
                    .bind(email.attempts)
                    .bind(now.plus(pause(email.attempts)))
            };
            transaction.execute(statement).await?;
        }
        transaction.commit().await
    }

    /// Returns whether there is no further attempt, and logs the emails that were not sent.
    fn is_final(&self, outcome: DeliveryOutcome, now: Timestamp) -> bool {
        match outcome {
            DeliveryOutcome::Sent => true,
            DeliveryOutcome::PermanentFailure => {
                tracing::error!(email_id = %self.id, "dropped an email that can't be sent");
                true
            }
            DeliveryOutcome::TemporaryFailure if now >= self.created_at.plus(LIFE) => {
                tracing::error!(email_id = %self.id, attempts = self.attempts,
                    "dropped an email that could not be sent for 24 hours");
                true
            }
            DeliveryOutcome::TemporaryFailure => false,
        }
    }
}

/// Makes all emails due now, for a server that has just started and is the only one. Emails that an
/// earlier run was sending need not wait for the end of its lease.
pub(crate) async fn make_all_due(database: &Database, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE outbox SET due_at = $1 WHERE due_at > $1";
    let statement = Statement::new(SQL).bind(now);
    database.execute(statement).await.map(drop)
}

/// Returns the number of emails that wait to be sent.
pub(crate) async fn len(database: &Database) -> Result<i64, Error> {
    const SQL: &str = "SELECT count(*) FROM outbox";
    let (emails,) = database.fetch_one(Statement::new(SQL)).await?;
    Ok(emails)
}

/// How long to wait after this many failures.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0);
    backoff(FIRST_PAUSE, LONGEST_PAUSE, doublings)
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn pauses_grow_to_ten_minutes() {
        let seconds = [1, 2, 3, 7, 8, 9, 500].map(|attempts| pause(attempts).as_secs());
        assert_eq!(seconds, [5, 10, 20, 320, 600, 600, 600]);
    }
}
