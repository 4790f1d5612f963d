//! The table `outbox`: emails that wait to be sent. Each is added in the transaction of the change
//! that it is about, and removed once a mail server has accepted it.

use std::time::Duration;

use languages::Language;
use sqlx::{AssertSqlSafe, FromRow};

use crate::{
    backoff::backoff,
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// How long delivery of an email is attempted.
pub(crate) const LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a worker leases an email. It extends the lease while it sends.
const LEASE: Duration = Duration::from_secs(2 * 60);

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

/// Adds an email to the outbox. It is sent in the language that its user has then.
pub(crate) async fn enqueue(transaction: &mut Transaction, email: &NewEmail) -> Result<(), Error> {
    enqueue_in(transaction, email, None).await
}

/// Adds an email to the outbox, in the language that its user had before a change, if it is known.
pub(crate) async fn enqueue_in(
    transaction: &mut Transaction,
    email: &NewEmail,
    language: Option<&str>,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO outbox (id, user_id, content, created_at, due_at, language)
        VALUES ($1, $2, $3, $4, $4, $5)";
    let statement = Statement::new(SQL)
        .bind(email.id)
        .bind(email.user_id)
        .bind(&email.content)
        .bind(email.now)
        .bind(language);
    transaction.execute(statement).await.map(drop)
}

/// An email that only one email worker sends, until its lease ends.
#[derive(FromRow)]
pub(crate) struct LeasedEmail {
    pub id: Id,
    pub user_id: Option<Id>,
    pub content: Vec<u8>,
    pub created_at: Timestamp,
    /// The number of failed attempts.
    pub attempts: i32,
    language: Option<String>,
}

impl LeasedEmail {
    /// The language of the recipient, if it is known.
    pub fn recipient_language(&self) -> Option<Language> {
        Language::from_tag(self.language.as_deref()?)
    }
}

/// The result of an attempt to deliver an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// A mail server has accepted it.
    Sent,
    /// It can never be sent.
    PermanentFailure,
    /// It will be attempted again.
    TemporaryFailure,
    /// It was not attempted, because the mail server takes no email.
    NotTried,
}

/// Emails that a worker may send now: due, and not leased. The parameters are $1, the present time,
/// and $2, whether emails that have failed before count, too.
const IS_DUE: &str = "
    due_at <= $1 AND (leased_by IS NULL OR leased_until <= $1) AND ($2 OR attempts = 0)";

/// Returns the number of emails that a worker may send now, up to `limit`.
pub(crate) async fn count_due(
    database: &Database,
    now: Timestamp,
    with_retries: bool,
    limit: usize,
) -> Result<usize, Error> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM outbox WHERE {IS_DUE} LIMIT $3) AS due");
    let statement = Statement::new(AssertSqlSafe(sql))
        .bind(now)
        .bind(with_retries)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let (emails,): (i64,) = database.fetch_one(statement).await?;
    Ok(emails.try_into().unwrap_or_default())
}

/// Leases up to `limit` of the emails that are due, oldest first, to this worker.
pub(crate) async fn lease(
    database: &Database,
    worker: Id,
    now: Timestamp,
    with_retries: bool,
    limit: usize,
) -> Result<Vec<LeasedEmail>, Error> {
    let skip_locked = match database {
        Database::Sqlite { .. } => "",
        Database::Postgres { .. } => "FOR UPDATE SKIP LOCKED",
    };
    let sql = format!(
        "UPDATE outbox SET leased_by = $4, leased_until = $5
        WHERE id IN (
            SELECT id FROM outbox WHERE {IS_DUE} ORDER BY due_at LIMIT $3 {skip_locked}
        )
        RETURNING id, user_id, content, created_at, attempts,
            COALESCE(outbox.language, (SELECT users.language FROM users WHERE users.id = outbox.user_id))
                AS language"
    );
    let statement = Statement::new(AssertSqlSafe(sql))
        .bind(now)
        .bind(with_retries)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(worker)
        .bind(now.plus(LEASE));
    database.write_all(statement).await
}

/// Extends the leases of emails that this worker is sending.
pub(crate) async fn extend_leases(
    database: &Database,
    worker: Id,
    emails: &[Id],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE outbox SET leased_until = $3 WHERE id = $1 AND leased_by = $2";
    if emails.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for id in emails {
        let statement = Statement::new(SQL)
            .bind(*id)
            .bind(worker)
            .bind(now.plus(LEASE));
        transaction.execute(statement).await?;
    }
    transaction.commit().await
}

/// Ends the leases of this worker, or of all workers.
pub(crate) async fn end_leases(database: &Database, worker: Option<Id>) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE outbox SET leased_by = NULL, leased_until = NULL
        WHERE leased_by IS NOT NULL AND (leased_by = $1 OR $2)";
    let statement = Statement::new(SQL).bind(worker).bind(worker.is_none());
    database.execute(statement).await.map(drop)
}

/// Makes emails due that wait longer than any can: the clock was set back in the meantime.
pub(crate) async fn end_impossible_waits(
    database: &Database,
    worker: Id,
    now: Timestamp,
) -> Result<(), Error> {
    const DUE: &str = "UPDATE outbox SET due_at = $1 WHERE due_at > $2";
    const LEASED: &str = "
        UPDATE outbox SET leased_by = NULL, leased_until = NULL
        WHERE leased_by IS NOT NULL AND leased_by <> $1 AND leased_until > $2";
    let latest = now.plus(LONGEST_PAUSE + CLOCK_SKEW);
    let due = Statement::new(DUE).bind(now).bind(latest);
    database.execute(due).await?;
    let latest = now.plus(LEASE + CLOCK_SKEW);
    let leased = Statement::new(LEASED).bind(worker).bind(latest);
    database.execute(leased).await.map(drop)
}

/// Removes an email that this worker has leased. Returns whether it had the lease.
pub(crate) async fn remove(
    transaction: &mut Transaction,
    worker: Id,
    email: &LeasedEmail,
) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM outbox WHERE id = $1 AND leased_by = $2";
    let statement = Statement::new(SQL).bind(email.id).bind(worker);
    Ok(transaction.execute(statement).await? > 0)
}

/// Counts a failed attempt of this worker, and makes the email due later. `took` is how long the
/// attempt has taken: an email whose recipient keeps a connection busy for minutes waits for as long.
pub(crate) async fn postpone(
    transaction: &mut Transaction,
    worker: Id,
    email: &LeasedEmail,
    took: Duration,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE outbox
        SET leased_by = NULL, leased_until = NULL, attempts = attempts + 1, due_at = $3
        WHERE id = $1 AND leased_by = $2";
    let pause = pause(email.attempts).max(took).min(LONGEST_PAUSE);
    let statement = Statement::new(SQL)
        .bind(email.id)
        .bind(worker)
        .bind(now.plus(pause));
    transaction.execute(statement).await.map(drop)
}

/// Gives back an email that this worker has not tried. It keeps its place and its attempts.
pub(crate) async fn give_back(
    transaction: &mut Transaction,
    worker: Id,
    email: &LeasedEmail,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE outbox SET leased_by = NULL, leased_until = NULL WHERE id = $1 AND leased_by = $2";
    let statement = Statement::new(SQL).bind(email.id).bind(worker);
    transaction.execute(statement).await.map(drop)
}

/// Removes up to `limit` emails that could not be sent within their life and that nobody is sending.
/// Returns whose they were.
pub(crate) async fn remove_expired(
    transaction: &mut Transaction,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Option<Id>>, Error> {
    const SQL: &str = "
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox
            WHERE due_at <= $1 AND created_at <= $2 AND (leased_by IS NULL OR leased_until <= $1)
            LIMIT $3
        )
        RETURNING user_id";
    let statement = Statement::new(SQL)
        .bind(now)
        .bind(now.minus(LIFE))
        .bind(limit);
    let users: Vec<(Option<Id>,)> = transaction.fetch_all(statement).await?;
    Ok(users.into_iter().map(|(user_id,)| user_id).collect())
}

/// Returns the number of emails that wait to be sent.
pub(crate) async fn len(database: &Database) -> Result<i64, Error> {
    const SQL: &str = "SELECT count(*) FROM outbox";
    let (emails,) = database.fetch_one(Statement::new(SQL)).await?;
    Ok(emails)
}

/// How long to wait after another failure.
fn pause(failures: i32) -> Duration {
    let doublings = u32::try_from(failures).unwrap_or(0);
    backoff(FIRST_PAUSE, LONGEST_PAUSE, doublings)
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn pauses_grow_to_ten_minutes() {
        let seconds = [0, 1, 2, 6, 7, 8, 499].map(|attempts| pause(attempts).as_secs());
        assert_eq!(seconds, [5, 10, 20, 320, 600, 600, 600]);
    }
}
