//! The table `outbox`: mails that wait to be sent. Each is written in the transaction of what it
//! tells, and removed once a mail server has taken it.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    Database, Error, Id, Timestamp,
    clock::CLOCK_SKEW,
    store::database::{in_transaction, writing},
};

/// How long a mail is tried.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// The pause after the first failure; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// A mail to be put into the outbox.
pub(crate) struct NewEmail {
    pub id: Id,
    pub user_id: Id,
    /// A sealed [`crate::email::template::Email`].
    pub content: Vec<u8>,
    pub now: Timestamp,
}

/// Binds: id, user, content, time.
pub(crate) const ENQUEUE: &str = "
    INSERT INTO outbox (id, user_id, content, created_at, due_at) VALUES ($1, $2, $3, $4, $4)";

/// Puts a mail into the outbox, in a transaction of either database.
macro_rules! enqueue {
    ($transaction:expr, $mail:expr) => {{
        let mail: &$crate::store::outbox::NewEmail = $mail;
        sqlx::query($crate::store::outbox::ENQUEUE)
            .bind(mail.id)
            .bind(mail.user_id)
            .bind(&mail.content)
            .bind(mail.now)
            .execute(&mut *$transaction)
            .await?;
    }};
}

pub(crate) use enqueue;

/// A mail that is this server's to send, for a while.
#[derive(FromRow)]
pub(crate) struct LeasedEmail {
    pub id: Id,
    pub content: Vec<u8>,
    pub created_at: Timestamp,
    /// How often it has been tried, this time included; it also tells whose the lease is.
    pub attempts: i32,
}

/// What became of a leased mail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// A mail server has it.
    Sent,
    /// It can never be sent.
    PermanentFailure,
    /// To be tried again.
    TemporaryFailure,
}

impl LeasedEmail {
    /// Takes up to `limit` mails that are due, and keeps others from them until the lease ends.
    pub async fn take(
        database: &Database,
        now: Timestamp,
        lease_ends: Timestamp,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        // The condition stands twice: a second server waits for the first one's update, and then
        // finds the row no longer due.
        const SQL: &str = "
            UPDATE outbox SET due_at = $2, attempts = attempts + 1
            WHERE (due_at <= $1 OR due_at > $4) AND id IN (
                SELECT id FROM outbox WHERE due_at <= $1 OR due_at > $4 ORDER BY due_at LIMIT $3
            )
            RETURNING id, content, created_at, attempts";
        Ok(writing!(database, connection => {
            sqlx::query_as(SQL)
                .bind(now)
                .bind(lease_ends)
                .bind(i64::from(limit))
                // So long no pause is: the clock has been set back.
                .bind(now.plus(LONGEST_PAUSE + CLOCK_SKEW))
                .fetch_all(connection)
                .await?
        }))
    }

    /// Writes down what became of mails, in one transaction. A lease that has ended meanwhile
    /// leaves the mail to whoever has it now.
    pub async fn settle(
        database: &Database,
        fates: &[(Self, DeliveryOutcome)],
        now: Timestamp,
    ) -> Result<(), Error> {
        const REMOVE: &str = "DELETE FROM outbox WHERE id = $1 AND attempts = $2";
        const POSTPONE: &str = "UPDATE outbox SET due_at = $3 WHERE id = $1 AND attempts = $2";
        in_transaction!(database, transaction => {
            for (mail, fate) in fates {
                if mail.is_over(*fate, now) {
                    sqlx::query(REMOVE)
                        .bind(mail.id)
                        .bind(mail.attempts)
                        .execute(&mut *transaction)
                        .await?;
                } else {
                    sqlx::query(POSTPONE)
                        .bind(mail.id)
                        .bind(mail.attempts)
                        .bind(now.plus(pause(mail.attempts)))
                        .execute(&mut *transaction)
                        .await?;
                }
            }
            transaction.commit().await?;
            Ok(())
        })
    }

    /// Whether this was the last try.
    fn is_over(&self, fate: DeliveryOutcome, now: Timestamp) -> bool {
        match fate {
            DeliveryOutcome::Sent => true,
            DeliveryOutcome::PermanentFailure => {
                tracing::error!(mail = %self.id, "a mail can't be sent and was dropped");
                true
            }
            DeliveryOutcome::TemporaryFailure if now >= self.created_at.plus(LIFE) => {
                tracing::error!(mail = %self.id, attempts = self.attempts,
                    "a mail could not be sent for 24 hours and was dropped");
                true
            }
            DeliveryOutcome::TemporaryFailure => false,
        }
    }
}

/// Makes all mails due now: for a server that has just started and is the only one. Mails that an
/// earlier run had in hand need not wait for its lease to end.
pub(crate) async fn make_all_due(database: &Database, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "UPDATE outbox SET due_at = $1 WHERE due_at > $1";
    writing!(database, connection => sqlx::query(SQL).bind(now).execute(connection).await.map(drop)?);
    Ok(())
}

/// How long to wait after so many failures.
fn pause(attempts: i32) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(0).min(16);
    LONGEST_PAUSE.min(FIRST_PAUSE * 2_u32.pow(doublings))
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
