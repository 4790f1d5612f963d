//! The table `webhooks`: where to report what happens to users. Triggers read it whenever something does.

use std::{fmt, str::FromStr};

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        administrators::ChangedBy,
        database::Database,
        outbox::{self, NewEmail},
        statement::Statement,
        transaction::Transaction,
    },
};

/// How many webhooks there can be: every event is written once for each.
pub(crate) const LIMIT: u32 = 32;

/// How many administrators are notified that a webhook was disabled.
const NOTIFIED: u32 = 100;

/// What a webhook can report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookEvent {
    /// An account was created.
    UserCreated,
    /// What administrators or the user can change about an account was changed.
    UserUpdated,
    /// An email address was verified.
    UserVerified,
    /// An account was deleted.
    UserDeleted,
    /// A device was signed in.
    SessionCreated,
    /// A device was signed out, or its session has expired.
    SessionEnded,
    /// A password was changed or removed.
    PasswordChanged,
    /// Two-factor authentication was turned on.
    OtpEnabled,
    /// Two-factor authentication was turned off.
    OtpDisabled,
}

impl WebhookEvent {
    /// All events.
    pub const ALL: [Self; 9] = [
        Self::UserCreated,
        Self::UserUpdated,
        Self::UserVerified,
        Self::UserDeleted,
        Self::SessionCreated,
        Self::SessionEnded,
        Self::PasswordChanged,
        Self::OtpEnabled,
        Self::OtpDisabled,
    ];

    /// The name, such as `user.created`. The triggers have the same names.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserUpdated => "user.updated",
            Self::UserVerified => "user.verified",
            Self::UserDeleted => "user.deleted",
            Self::SessionCreated => "session.created",
            Self::SessionEnded => "session.ended",
            Self::PasswordChanged => "password.changed",
            Self::OtpEnabled => "otp.enabled",
            Self::OtpDisabled => "otp.disabled",
        }
    }
}

impl fmt::Display for WebhookEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of a text that names no [`WebhookEvent`].
#[derive(Debug, thiserror::Error)]
#[error("this is not the name of an event")]
pub struct InvalidWebhookEvent;

impl FromStr for WebhookEvent {
    type Err = InvalidWebhookEvent;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == name);
        found.ok_or(InvalidWebhookEvent)
    }
}

/// Why the server has disabled a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisabledReason {
    /// A delivery has failed for three days.
    Failing,
    /// The receiver has responded with 410 Gone.
    Gone,
    /// Too many deliveries were waiting.
    Backlog,
}

impl DisabledReason {
    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Gone => "gone",
            Self::Backlog => "backlog",
        }
    }
}

/// A webhook, without its secret.
#[derive(Clone, Debug, FromRow)]
pub struct Webhook {
    /// The webhook's id.
    pub id: Id,
    /// Where events are sent to.
    pub url: String,
    /// The names of the events that it reports, separated by spaces.
    pub events: String,
    /// Whether events are reported.
    pub is_active: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the server has disabled it, unless it was activated since.
    pub disabled_at: Option<Timestamp>,
    /// Why: `failing`, `gone` or `backlog`.
    pub disabled_reason: Option<String>,
}

/// The columns of a [`Webhook`].
macro_rules! webhook_columns {
    () => {
        "id, url, events, is_active, created_at, disabled_at, disabled_reason"
    };
}

impl Webhook {
    /// Returns all webhooks, oldest first.
    pub(crate) async fn list(database: &Database) -> Result<Vec<Self>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            webhook_columns!(),
            " FROM webhooks ORDER BY created_at, id LIMIT $1"
        );
        // A few more than the limit, which may have been exceeded by hand.
        let statement = Statement::new(SQL).bind(2 * LIMIT);
        database.fetch_all(statement).await
    }

    /// Whether there is a webhook with this id.
    pub(crate) async fn exists(database: &Database, id: Id) -> Result<bool, Error> {
        const SQL: &str = "SELECT id FROM webhooks WHERE id = $1";
        let found: Option<(Id,)> = database
            .fetch_optional(Statement::new(SQL).bind(id))
            .await?;
        Ok(found.is_some())
    }
}

/// A webhook that is to be created.
pub(crate) struct NewWebhook<'a> {
    pub id: Id,
    pub url: &'a str,
    /// The names of events, separated by spaces.
    pub events: &'a str,
    pub is_active: bool,
    /// The encrypted secret.
    pub secret: &'a [u8],
    pub now: Timestamp,
}

impl NewWebhook<'_> {
    /// Adds the webhook. Returns `None` if there are too many already.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn insert(
        &self,
        database: &Database,
        by: &ChangedBy,
    ) -> Result<Option<Webhook>, Error> {
        const SQL: &str = concat!(
            "INSERT INTO webhooks (id, url, events, is_active, secret, created_at)
            SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM webhooks) < $7
            RETURNING ",
            webhook_columns!()
        );
        let mut transaction = by.begin(database).await?;
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.url)
            .bind(self.events)
            .bind(self.is_active)
            .bind(self.secret)
            .bind(self.now)
            .bind(LIMIT);
        let Some(webhook) = transaction.fetch_optional(statement).await? else {
            return Ok(None);
        };
        by.commit(transaction).await?;
        Ok(Some(webhook))
    }
}

/// Changes to a webhook. What is `None` stays as it is.
pub(crate) struct WebhookUpdate<'a> {
    pub id: Id,
    pub url: Option<&'a str>,
    pub events: Option<&'a str>,
    pub is_active: Option<bool>,
    pub now: Timestamp,
}

impl WebhookUpdate<'_> {
    /// Makes the changes. What still waits for a webhook that is no longer active is canceled. Returns
    /// `None` if there is no such webhook.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn apply(
        &self,
        database: &Database,
        by: &ChangedBy,
    ) -> Result<Option<Webhook>, Error> {
        const SQL: &str = concat!(
            "UPDATE webhooks SET url = COALESCE($2, url), events = COALESCE($3, events),
                is_active = (is_active AND NOT $5) OR $4,
                disabled_at = CASE WHEN $4 THEN NULL ELSE disabled_at END,
                disabled_reason = CASE WHEN $4 THEN NULL ELSE disabled_reason END
            WHERE id = $1
            RETURNING ",
            webhook_columns!()
        );
        let mut transaction = by.begin(database).await?;
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.url)
            .bind(self.events)
            .bind(self.is_active == Some(true))
            .bind(self.is_active == Some(false));
        let updated: Option<Webhook> = transaction.fetch_optional(statement).await?;
        let Some(webhook) = updated else {
            return Ok(None);
        };
        if !webhook.is_active {
            cancel_pending(&mut transaction, self.id, self.now).await?;
        }
        by.commit(transaction).await?;
        Ok(Some(webhook))
    }
}

/// Deletes a webhook, and cancels what still waits for it. The log stays until it is too old. Returns `false`
/// if there is no such webhook.
///
/// # Errors
/// `PermissionDenied` if the administrator is none any more.
pub(crate) async fn delete(
    database: &Database,
    id: Id,
    by: &ChangedBy,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM webhooks WHERE id = $1";
    let mut transaction = by.begin(database).await?;
    if transaction.execute(Statement::new(SQL).bind(id)).await? == 0 {
        return Ok(false);
    }
    cancel_pending(&mut transaction, id, now).await?;
    by.commit(transaction).await?;
    Ok(true)
}

/// Disables a webhook, cancels what still waits for it, and adds an email for each administrator. Returns
/// `false` if it was not active, and then does nothing.
pub(crate) async fn disable(
    transaction: &mut Transaction,
    id: Id,
    reason: DisabledReason,
    now: Timestamp,
    notice: &(dyn Fn(Id, &str, &str) -> Result<NewEmail, Error> + Sync),
) -> Result<bool, Error> {
    const DISABLE: &str = "
        UPDATE webhooks SET is_active = FALSE, disabled_at = $2, disabled_reason = $3
        WHERE id = $1 AND is_active
        RETURNING url";
    const NOTIFY: &str = "
        SELECT id, email FROM users WHERE is_admin AND is_active AND email_verified
        ORDER BY date_joined, id LIMIT $1";
    let statement = Statement::new(DISABLE)
        .bind(id)
        .bind(now)
        .bind(reason.as_str());
    let disabled: Option<(String,)> = transaction.fetch_optional(statement).await?;
    let Some((url,)) = disabled else {
        return Ok(false);
    };
    cancel_pending(transaction, id, now).await?;
    let statement = Statement::new(NOTIFY).bind(NOTIFIED);
    let notified: Vec<(Id, String)> = transaction.fetch_all(statement).await?;
    for (user_id, email) in notified {
        outbox::enqueue(transaction, &notice(user_id, &email, &url)?).await?;
    }
    Ok(true)
}

/// Ends the deliveries that wait for a webhook. Call it with the webhook's row locked.
async fn cancel_pending(
    transaction: &mut Transaction,
    id: Id,
    now: Timestamp,
) -> Result<(), Error> {
    // The last condition always holds. With it, SQLite takes the index of what waits, not that of the log.
    const SQL: &str = "
        UPDATE webhook_deliveries SET status = 'canceled', finished_at = $2, leased_by = NULL,
            leased_until = NULL
        WHERE webhook_id = $1 AND status = 'pending' AND due_at >= $3";
    let statement = Statement::new(SQL)
        .bind(id)
        .bind(now)
        .bind(Timestamp::from_unix_seconds(0));
    transaction.execute(statement).await.map(drop)
}

/// The encrypted secret of a webhook.
#[derive(FromRow)]
pub(crate) struct EncryptedWebhookSecret {
    pub id: Id,
    pub secret: Vec<u8>,
}

impl EncryptedWebhookSecret {
    /// Returns the secrets that are encrypted under another key than `key_id`.
    pub async fn under_other_keys(database: &Database, key_id: &[u8]) -> Result<Vec<Self>, Error> {
        const SQL: &str = "SELECT id, secret FROM webhooks WHERE substr(secret, 1, 8) <> $1";
        database.fetch_all(Statement::new(SQL).bind(key_id)).await
    }

    /// Replaces the secret by the same one under another key.
    pub async fn replace(&self, database: &Database, reencrypted: &[u8]) -> Result<(), Error> {
        const SQL: &str = "UPDATE webhooks SET secret = $3 WHERE id = $1 AND secret = $2";
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(&self.secret)
            .bind(reencrypted);
        database.execute(statement).await.map(drop)
    }
}
