//! The table `mailed_tokens`: the tokens of emailed links. Each works once, for one purpose.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::email_token,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{
        database::Database,
        outbox::{self, NewEmail},
        statement::Statement,
        transaction::Transaction,
    },
};

/// What an emailed link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkPurpose {
    /// It verifies the email address of a new account.
    Activation,
    /// It allows to choose a new password.
    Reset,
    /// It verifies a new email address.
    EmailChange,
}

impl LinkPurpose {
    /// The name in the database.
    fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Reset => "reset",
            Self::EmailChange => "email",
        }
    }

    /// How long the link works.
    fn lifetime(self) -> Duration {
        match self {
            Self::Activation | Self::EmailChange => Duration::from_secs(24 * 60 * 60),
            Self::Reset => Duration::from_secs(60 * 60),
        }
    }
}

/// A new link for a user, and the emails to be sent with it.
pub(crate) struct NewLink {
    pub purpose: LinkPurpose,
    /// The hash of the token.
    pub hash: Vec<u8>,
    /// The new email address, if the link is to change it.
    pub new_email: Option<EmailAddress>,
    pub now: Timestamp,
    pub emails: Vec<NewEmail>,
}

/// Issues a link to a user. An earlier one for the same purpose becomes invalid.
pub(crate) async fn issue(
    transaction: &mut Transaction,
    user_id: Id,
    link: &NewLink,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO mailed_tokens (user_id, purpose, hash, new_email, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (user_id, purpose) DO UPDATE
        SET hash = excluded.hash, new_email = excluded.new_email, expires_at = excluded.expires_at";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(link.purpose.as_str())
        .bind(&link.hash)
        .bind(link.new_email.as_ref().map(EmailAddress::as_str))
        .bind(link.now.plus(link.purpose.lifetime()));
    transaction.execute(statement).await?;
    for email in &link.emails {
        outbox::enqueue(transaction, email).await?;
    }
    Ok(())
}

/// Uses up the link with this token hash. Returns `false` if it has expired, or was used up or
/// invalidated in the meantime.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    purpose: LinkPurpose,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        DELETE FROM mailed_tokens WHERE hash = $1 AND purpose = $2 AND expires_at > $3";
    let statement = Statement::new(SQL)
        .bind(hash)
        .bind(purpose.as_str())
        .bind(now);
    Ok(transaction.execute(statement).await? > 0)
}

/// Invalidates all links of a user.
pub(crate) async fn invalidate_all(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM mailed_tokens WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// The user that a link was issued to.
#[derive(FromRow)]
pub(crate) struct LinkOwner {
    pub user_id: Id,
    /// The user's current email address.
    pub email: String,
    /// The new email address, if the link is to change it.
    pub new_email: Option<String>,
}

impl LinkOwner {
    /// Looks up a link that has not expired, without using it up.
    pub async fn find(
        database: &Database,
        token: &str,
        purpose: LinkPurpose,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT user_id, users.email, new_email
            FROM mailed_tokens JOIN users ON users.id = user_id
            WHERE hash = $1 AND purpose = $2 AND expires_at > $3";
        let hash = email_token::hash(token);
        let statement = Statement::new(SQL)
            .bind(&hash)
            .bind(purpose.as_str())
            .bind(now);
        database.fetch_optional(statement).await
    }
}
