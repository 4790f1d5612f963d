//! The table `webhook_deliveries`: events that wait to be delivered to a webhook, and the log of those that
//! were. Triggers add a row in the transaction of the change that it reports.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    error::Error,
    id::Id,
    store::{
        database::Database,
        filter::Filter,
        outbox::NewEmail,
        statement::Statement,
        transaction::Transaction,
        webhooks::{self, DisabledReason},
    },
};

/// How long a worker leases a delivery: longer than an attempt takes.
const LEASE: Duration = Duration::from_secs(60);

/// The longest pause between two attempts.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 60 * 60);

/// How many deliveries may wait for a webhook. It is disabled when there are more.
pub(crate) const BACKLOG_LIMIT: u32 = 100_000;

/// A delivery in the log of a webhook.
#[derive(Clone, Debug, FromRow)]
pub struct WebhookDelivery {
    pub(crate) seq: i64,
    /// The delivery's id, which the receiver gets as `webhook-id`.
    pub id: Id,
    /// The user that it is about.
    pub user_id: Id,
    /// The name of the event.
    pub event: String,
    /// `pending`, `delivered`, `failed` or `canceled`.
    pub status: String,
    /// How often it was attempted.
    pub attempts: i32,
    /// When the event happened.
    pub created_at: Timestamp,
    /// When it was last attempted.
    pub last_attempt_at: Option<Timestamp>,
    /// When it is attempted next, if it is pending; in the past if that is as soon as possible.
    pub due_at: Timestamp,
    /// The status of the last response, if there was one.
    pub response_status: Option<i32>,
    /// Why the last attempt failed. It is stored in English.
    pub error: Option<String>,
}

impl WebhookDelivery {
    /// Returns up to `limit` deliveries of a webhook, newest first, before one with this number.
    pub(crate) async fn list(
        database: &Database,
        webhook_id: Id,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const HEAD: &str = "
            SELECT seq, id, user_id, event, status, attempts, created_at, last_attempt_at, due_at,
                response_status, error
            FROM webhook_deliveries";
        let mut filter = Filter::default();
        filter.add("webhook_id = ?", [webhook_id.into()]);
        if let Some(before) = before {
            filter.add("seq < ?", [before.into()]);
        }
        database
            .fetch_all(filter.query(HEAD, "ORDER BY seq DESC", limit))
            .await
    }
}

/// What became of a wish to deliver something again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Redelivery {
    Requested,
    NotFound,
    /// The webhook is not active.
    Inactive,
}

/// Makes a delivery due now. The attempts of one that has ended are counted from zero again.
pub(crate) async fn redeliver(
    database: &Database,
    webhook_id: Id,
    id: Id,
) -> Result<Redelivery, Error> {
    // It must not become pending while the webhook is disabled.
    const LOCK: &str = "SELECT is_active FROM webhooks WHERE id = $1 FOR SHARE";
    const SELECT: &str = "SELECT is_active FROM webhooks WHERE id = $1";
    const SQL: &str = "
        UPDATE webhook_deliveries SET due_at = $3,
            attempts = CASE WHEN status = 'pending' THEN attempts ELSE 0 END,
            first_attempt_at = CASE WHEN status = 'pending' THEN first_attempt_at END,
            status = 'pending', finished_at = NULL
        WHERE id = $1 AND webhook_id = $2
        RETURNING user_id, seq";
    const LATER: &str = "
        UPDATE webhook_deliveries SET due_at = $4
        WHERE webhook_id = $1 AND user_id = $2 AND status = 'pending' AND seq > $3 AND leased_by IS NULL";
    let mut transaction = database.begin().await?;
    let sql = if transaction.is_only_writer() {
        SELECT
    } else {
        LOCK
    };
    let statement = Statement::new(sql).bind(webhook_id);
    let found: Option<(bool,)> = transaction.fetch_optional(statement).await?;
    let Some((is_active,)) = found else {
        return Ok(Redelivery::NotFound);
    };
    let at_once = Timestamp::from_unix_seconds(0);
    let statement = Statement::new(SQL).bind(id).bind(webhook_id).bind(at_once);
    let updated: Option<(Id, i64)> = transaction.fetch_optional(statement).await?;
    let Some((user_id, seq)) = updated else {
        return Ok(Redelivery::NotFound);
    };
    if !is_active {
        return Ok(Redelivery::Inactive);
    }
    // The user's later events wait for this one only.
    let statement = Statement::new(LATER)
        .bind(webhook_id)
        .bind(user_id)
        .bind(seq)
        .bind(at_once);
    transaction.execute(statement).await?;
    transaction.commit().await?;
    Ok(Redelivery::Requested)
}

/// An active webhook that something is due for.
#[derive(Clone, FromRow)]
pub(crate) struct DueWebhook {
    pub id: Id,
    pub url: String,
    /// The encrypted secret.
    pub secret: Vec<u8>,
}

/// Returns the active webhooks that a delivery is due for.
pub(crate) async fn due(database: &Database, now: Timestamp) -> Result<Vec<DueWebhook>, Error> {
    const SQL: &str = "
        SELECT id, url, secret FROM webhooks
        WHERE is_active AND EXISTS (
            SELECT 1 FROM webhook_deliveries AS due
            WHERE due.webhook_id = webhooks.id AND due.status = 'pending' AND due.due_at <= $1
                AND (due.leased_until IS NULL OR due.leased_until <= $1)
        )";
    database.fetch_all(Statement::new(SQL).bind(now)).await
}

/// A delivery that only one worker attempts, until its lease ends.
#[derive(FromRow)]
pub(crate) struct LeasedDelivery {
    pub id: Id,
    pub webhook_id: Id,
    pub user_id: Id,
    pub session_id: Option<Id>,
    pub event: String,
    pub user_data: String,
    pub created_at: Timestamp,
    pub seq: i64,
    /// How often it has been attempted, this time included.
    pub attempts: i32,
    pub first_attempt_at: Timestamp,
}

/// Leases up to `limit` deliveries to a webhook that are due: of each user the earliest event that has not
/// been delivered, so that events arrive in their order.
pub(crate) async fn lease(
    database: &Database,
    worker: Id,
    webhook_id: Id,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<LeasedDelivery>, Error> {
    /// The statement of one of the databases.
    macro_rules! lease {
        ($lock:literal) => {
            concat!(
                "UPDATE webhook_deliveries SET leased_by = $3, leased_until = $4, last_attempt_at = $2,
                    first_attempt_at = COALESCE(first_attempt_at, $2), attempts = attempts + 1
                WHERE seq IN (
                    SELECT seq FROM webhook_deliveries AS due
                    WHERE webhook_id = $1 AND status = 'pending' AND due_at <= $2
                        AND (leased_until IS NULL OR leased_until <= $2)
                        AND NOT EXISTS (
                            SELECT 1 FROM webhook_deliveries AS earlier
                            WHERE earlier.webhook_id = due.webhook_id AND earlier.user_id = due.user_id
                                AND earlier.status = 'pending' AND earlier.seq < due.seq
                        )
                    ORDER BY due_at, seq LIMIT $5 ",
                $lock,
                "
                )
                RETURNING id, webhook_id, user_id, session_id, event, user_data, created_at, seq,
                    attempts, first_attempt_at"
            )
        };
    }
    let sql = match database {
        Database::Sqlite { .. } => lease!(""),
        Database::Postgres { .. } => lease!("FOR UPDATE SKIP LOCKED"),
    };
    let statement = Statement::new(sql)
        .bind(webhook_id)
        .bind(now)
        .bind(worker)
        .bind(now.plus(LEASE))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    database.write_all(statement).await
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextStep {
    /// It was delivered.
    Done,
    /// It is attempted again at this time.
    RetryAt(Timestamp),
    /// It has failed for good, and the webhook is disabled.
    Disable(DisabledReason),
}

/// What an attempt has led to.
pub(crate) struct Attempted<'a> {
    pub delivery: &'a LeasedDelivery,
    pub worker: Id,
    pub next: NextStep,
    pub response_status: Option<u16>,
    pub error: Option<&'a str>,
    pub now: Timestamp,
}

impl Attempted<'_> {
    /// Records the result, unless the lease has ended in the meantime. Returns whether the webhook was
    /// disabled, about which `notice` creates an email.
    ///
    /// Other transactions that lock a webhook and its deliveries lock the webhook first, too.
    pub async fn record(
        &self,
        database: &Database,
        notice: &(dyn Fn(Id, &str, &str) -> Result<NewEmail, Error> + Sync),
    ) -> Result<bool, Error> {
        let mut transaction = database.begin().await?;
        self.lock_webhook(&mut transaction).await?;
        let is_mine = match self.next {
            NextStep::Done => self.finish(&mut transaction, "delivered").await?,
            NextStep::RetryAt(at) => self.postpone(&mut transaction, at).await?,
            NextStep::Disable(_) => self.finish(&mut transaction, "failed").await?,
        };
        let mut is_disabled = false;
        if let NextStep::Disable(reason) = self.next
            && is_mine
        {
            let id = self.delivery.webhook_id;
            let disabled = webhooks::disable(&mut transaction, id, reason, self.now, notice);
            is_disabled = disabled.await?;
        }
        transaction.commit().await?;
        Ok(is_disabled)
    }

    async fn lock_webhook(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SHARED: &str = "SELECT id FROM webhooks WHERE id = $1 FOR SHARE";
        const EXCLUSIVE: &str = "SELECT id FROM webhooks WHERE id = $1 FOR NO KEY UPDATE";
        if transaction.is_only_writer() {
            return Ok(());
        }
        let sql = match self.next {
            NextStep::Done | NextStep::RetryAt(_) => SHARED,
            NextStep::Disable(_) => EXCLUSIVE,
        };
        let statement = Statement::new(sql).bind(self.delivery.webhook_id);
        let _: Option<(Id,)> = transaction.fetch_optional(statement).await?;
        Ok(())
    }

    /// Ends the delivery. Of a user who is deleted, only the id is kept.
    async fn finish(
        &self,
        transaction: &mut Transaction,
        status: &'static str,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE webhook_deliveries SET status = $3, finished_at = $4, leased_by = NULL,
                leased_until = NULL, response_status = $5, error = $6,
                user_data = CASE WHEN EXISTS (SELECT 1 FROM users WHERE users.id = user_id)
                    THEN user_data ELSE $7 END
            WHERE id = $1 AND leased_by = $2 AND status = 'pending'";
        let delivery = self.delivery;
        let statement = Statement::new(SQL)
            .bind(delivery.id)
            .bind(self.worker)
            .bind(status)
            .bind(self.now)
            .bind(self.response_status.map(i64::from))
            .bind(self.error)
            .bind(format!("{{\"id\":\"{}\"}}", delivery.user_id));
        Ok(transaction.execute(statement).await? > 0)
    }

    /// Postpones the delivery, and the later events of its user with it.
    async fn postpone(&self, transaction: &mut Transaction, at: Timestamp) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE webhook_deliveries SET due_at = $3, leased_by = NULL, leased_until = NULL,
                response_status = $4, error = $5
            WHERE id = $1 AND leased_by = $2 AND status = 'pending'";
        const LATER: &str = "
            UPDATE webhook_deliveries SET due_at = $4
            WHERE webhook_id = $1 AND user_id = $2 AND status = 'pending' AND seq > $3";
        let delivery = self.delivery;
        let statement = Statement::new(SQL)
            .bind(delivery.id)
            .bind(self.worker)
            .bind(at)
            .bind(self.response_status.map(i64::from))
            .bind(self.error);
        if transaction.execute(statement).await? == 0 {
            return Ok(false);
        }
        let statement = Statement::new(LATER)
            .bind(delivery.webhook_id)
            .bind(delivery.user_id)
            .bind(delivery.seq)
            .bind(at);
        transaction.execute(statement).await?;
        Ok(true)
    }
}

/// Makes deliveries due that wait longer than any can: the clock was set back in the meantime.
pub(crate) async fn end_impossible_waits(database: &Database, now: Timestamp) -> Result<(), Error> {
    const DUE: &str = "
        UPDATE webhook_deliveries SET due_at = $1 WHERE status = 'pending' AND due_at > $2";
    const LEASED: &str = "
        UPDATE webhook_deliveries SET leased_by = NULL, leased_until = NULL
        WHERE status = 'pending' AND leased_until > $1";
    let latest = now.plus(LONGEST_PAUSE + CLOCK_SKEW);
    let statement = Statement::new(DUE).bind(now).bind(latest);
    database.execute(statement).await?;
    let latest = now.plus(LEASE + CLOCK_SKEW);
    let statement = Statement::new(LEASED).bind(latest);
    database.execute(statement).await.map(drop)
}

/// Returns the active webhooks that more than `limit` deliveries wait for.
pub(crate) async fn overflowing(database: &Database, limit: u32) -> Result<Vec<Id>, Error> {
    // The last condition on rows always holds. With it, SQLite takes the index of what waits, not that of
    // the log.
    const SQL: &str = "
        SELECT id FROM webhooks
        WHERE is_active AND (
            SELECT count(*) FROM (
                SELECT 1 FROM webhook_deliveries AS waiting
                WHERE waiting.webhook_id = webhooks.id AND waiting.status = 'pending'
                    AND waiting.due_at >= $2
                LIMIT $1 + 1
            ) AS waiting
        ) > $1";
    let statement = Statement::new(SQL)
        .bind(limit)
        .bind(Timestamp::from_unix_seconds(0));
    let rows: Vec<(Id,)> = database.fetch_all(statement).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Returns when the event happened that has waited longest.
pub(crate) async fn oldest_pending(database: &Database) -> Result<Option<Timestamp>, Error> {
    const SQL: &str = "SELECT min(created_at) FROM webhook_deliveries WHERE status = 'pending'";
    let (oldest,) = database.fetch_one(Statement::new(SQL)).await?;
    Ok(oldest)
}

/// Cancels what waits for webhooks that are no longer active: an event can be written while its webhook is
/// being disabled or deleted.
pub(crate) async fn cancel_abandoned(database: &Database, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE webhook_deliveries SET status = 'canceled', finished_at = $1, leased_by = NULL,
            leased_until = NULL
        WHERE status = 'pending'
            AND webhook_id NOT IN (SELECT id FROM webhooks WHERE is_active)";
    database
        .execute(Statement::new(SQL).bind(now))
        .await
        .map(drop)
}
