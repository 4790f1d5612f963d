//! Changes of a user's email address, and taking them back. Until a change can't be taken back any
//! more, the old address is reserved: an undo link in `mailed_tokens` is the reservation.

use crate::{
    clock::Timestamp,
    crypto::{jwt_secret::JwtSecret, password::NO_PASSWORD},
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        email_limits,
        email_tokens::{self, Link, LinkPurpose, NewLink},
        identities,
        outbox::{self, NewEmail},
        passkeys, second_factors, sessions,
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

/// A request for a change, to be confirmed at the new address.
pub(crate) struct EmailChangeRequest<'a> {
    pub user: &'a User,
    pub link: &'a NewLink,
    /// The key of the limit on emails to the new address.
    pub link_limit: &'a [u8],
    /// The email that notifies the present address, and the key of its limit.
    pub notice: &'a NewEmail,
    pub notice_limit: &'a [u8],
    pub event: &'a NewEvent,
}

impl EmailChangeRequest<'_> {
    /// Issues the link, unless the new address has received too many emails. Returns `false` if the
    /// user's secret has changed in the meantime.
    pub async fn make(&self, database: &Database) -> Result<bool, Error> {
        let mut transaction = database.begin().await?;
        let locked = users::lock_unchanged(&mut transaction, self.user).await?;
        if locked.is_none() {
            return Ok(false);
        }
        let now = self.link.now;
        if !email_limits::grant(&mut transaction, self.link_limit, now).await? {
            return Ok(true);
        }
        email_tokens::issue(&mut transaction, self.link).await?;
        if email_limits::grant(&mut transaction, self.notice_limit, now).await? {
            outbox::enqueue(&mut transaction, self.notice).await?;
        }
        audit_events::record(&mut transaction, self.event).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// The result of a change.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EmailChanged {
    /// The account has the new address.
    Done,
    /// The link was used up or invalidated in the meantime.
    LinkInvalid,
    /// Another account has the address, or may get it back.
    Taken,
}

/// A confirmed change.
pub(crate) struct EmailChange<'a> {
    pub user_id: Id,
    /// The link that was sent to the new address.
    pub link: &'a Link,
    /// The link that takes the change back.
    pub undo: Option<&'a NewLink>,
    /// The email that notifies the old address, unless `undo` has it.
    pub notice: Option<&'a NewEmail>,
    pub now: Timestamp,
    pub event: &'a NewEvent,
}

impl EmailChange<'_> {
    /// Uses up the link: the user gets the new address, which is thereby verified. All links that were
    /// sent to the old one become invalid.
    pub async fn make(&self, database: &Database) -> Result<EmailChanged, Error> {
        let mut transaction = database.begin().await?;
        users::lock(&mut transaction, self.user_id).await?;
        if !email_tokens::use_up(&mut transaction, &self.link.hash, self.now).await? {
            return Ok(EmailChanged::LinkInvalid);
        }
        let (id, email) = (self.user_id, &self.link.email);
        if !set_email(&mut transaction, id, email, self.now).await? {
            return Ok(EmailChanged::Taken);
        }
        let purpose = LinkPurpose::EmailChange;
        email_tokens::use_up_all(&mut transaction, id, purpose, self.now).await?;
        email_tokens::invalidate_all(&mut transaction, id).await?;
        if let Some(undo) = self.undo {
            email_tokens::issue(&mut transaction, undo).await?;
        }
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        audit_events::record(&mut transaction, self.event).await?;
        transaction.commit().await?;
        Ok(EmailChanged::Done)
    }
}

/// A change that is taken back.
pub(crate) struct EmailUndo<'a> {
    pub user_id: Id,
    /// The link that was sent to the old address.
    pub link: &'a Link,
    pub new_secret: JwtSecret,
    /// The link to the old address that allows a new password.
    pub reset: &'a NewLink,
    /// The email that notifies the address that the account loses.
    pub notice: &'a NewEmail,
    pub now: Timestamp,
    pub event: &'a NewEvent,
}

impl EmailUndo<'_> {
    /// Gives the account its old address back, and takes everything away that could let someone else
    /// in: sessions, password, second factor, passkeys that were added since, and links.
    ///
    /// An undo link is only issued to an account without a second factor, so one that is there now
    /// was added since.
    pub async fn make(&self, database: &Database) -> Result<EmailChanged, Error> {
        const TAKE_AWAY: &str = "
            UPDATE users SET jwt_secret = $2, password_hash = $3, otp_enabled = FALSE WHERE id = $1";
        const LATER_LINKS: &str = "
            DELETE FROM mailed_tokens
            WHERE user_id = $1 AND purpose = 'undo' AND used_at IS NULL AND created_at > $2";
        let (id, now) = (self.user_id, self.now);
        let mut transaction = database.begin().await?;
        users::lock(&mut transaction, id).await?;
        if !email_tokens::use_up(&mut transaction, &self.link.hash, now).await? {
            return Ok(EmailChanged::LinkInvalid);
        }
        if !set_email(&mut transaction, id, &self.link.email, now).await? {
            return Ok(EmailChanged::Taken);
        }
        let statement = Statement::new(TAKE_AWAY)
            .bind(id)
            .bind(&self.new_secret)
            .bind(NO_PASSWORD);
        transaction.execute(statement).await?;
        second_factors::remove(&mut transaction, id).await?;
        passkeys::remove_added_after(&mut transaction, id, Some(self.link.created_at)).await?;
        identities::remove_since(&mut transaction, id, self.link.created_at).await?;
        sessions::end_all(&mut transaction, id, None).await?;
        email_tokens::invalidate_all(&mut transaction, id).await?;
        let statement = Statement::new(LATER_LINKS)
            .bind(id)
            .bind(self.link.created_at);
        transaction.execute(statement).await?;
        email_tokens::issue(&mut transaction, self.reset).await?;
        outbox::enqueue(&mut transaction, self.notice).await?;
        audit_events::record(&mut transaction, self.event).await?;
        transaction.commit().await?;
        Ok(EmailChanged::Done)
    }
}

/// Sets a verified email address. Returns `false` if it is taken; then the transaction can't continue.
pub(crate) async fn set_email(
    transaction: &mut Transaction,
    user_id: Id,
    email: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        UPDATE users SET email = $2, email_verified = TRUE
        WHERE id = $1 AND NOT EXISTS (
            SELECT 1 FROM users WHERE email_key IN ($3, $4, $5) AND id <> $1
        )";
    let Ok(address) = EmailAddress::parse_existing(email) else {
        return Ok(false);
    };
    let [former, current, shown] = address.keys();
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(address.as_str())
        .bind(former)
        .bind(current)
        .bind(shown);
    // Another account may take the address at the same moment. Then the unique index decides.
    let changed = transaction.execute_unless_duplicate(statement).await?;
    Ok(changed == 1 && !email_tokens::is_reserved(transaction, email, user_id, now).await?)
}
