//! The table `mailed_tokens`: the tokens of emailed links, and the codes beside them. Several links of
//! a purpose are valid until one is used. A used one is kept until it expires, so that using it again
//! is no error.

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

/// How many wrong codes are accepted after a code was sent.
pub(crate) const CODE_ATTEMPTS: i64 = 5;

/// How long the number of attempts is kept: longer than any code works.
pub(crate) const CODE_ATTEMPTS_LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// What an emailed link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkPurpose {
    /// It verifies the email address of a new account.
    Activation,
    /// It allows to choose a new password.
    Reset,
    /// It verifies a new email address.
    EmailChange,
    /// It takes a change of the email address back.
    Undo,
    /// It ends a session on a new device.
    Session,
    /// It creates an account that an administrator has prepared. Such links are in the table
    /// `invitations`.
    Invitation,
}

impl LinkPurpose {
    /// The name in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Reset => "reset",
            Self::EmailChange => "email",
            Self::Undo => "undo",
            Self::Session => "session",
            Self::Invitation => "invitation",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [
            Self::Activation,
            Self::Reset,
            Self::EmailChange,
            Self::Undo,
            Self::Session,
        ]
        .into_iter()
        .find(|purpose| purpose.as_str() == text)
    }

    /// How long the link works.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::Activation | Self::EmailChange => Duration::from_secs(24 * 60 * 60),
            Self::Reset => Duration::from_secs(60 * 60),
            Self::Undo | Self::Session | Self::Invitation => Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}

/// Whom a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkOwner {
    User(Id),
    /// One registration that waits for activation.
    Registration(Id),
    /// An address that has no account, but registrations that wait.
    Address,
}

/// A new link, and the email to be sent with it.
pub(crate) struct NewLink {
    pub purpose: LinkPurpose,
    pub owner: LinkOwner,
    /// The hash of the token.
    pub hash: Vec<u8>,
    /// The hash of the code, if the email shows one.
    pub code_hash: Option<Vec<u8>>,
    /// The key under which attempts at the code are counted.
    pub attempts_key: Vec<u8>,
    /// Where the link is sent to. A change of the email address leads to it, as does its undoing.
    pub email: String,
    /// Whether the session that asked for it has completed a second factor.
    pub second_factor: bool,
    /// The session that the link ends.
    pub session_id: Option<Id>,
    pub ip: String,
    pub user_agent: String,
    pub now: Timestamp,
    /// None for a link that is pretended to be sent.
    pub message: Option<NewEmail>,
}

/// Issues a link. Earlier ones stay valid.
pub(crate) async fn issue(transaction: &mut Transaction, link: &NewLink) -> Result<(), Error> {
    const ATTEMPTS: &str = "
        INSERT INTO code_attempts (key, attempts, updated_at) VALUES ($1, 0, $2)
        ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at
        RETURNING attempts";
    const SQL: &str = "
        INSERT INTO mailed_tokens (hash, purpose, email, address, user_id, registration_id,
            code_hash, code_limit, second_factor, ip, user_agent, created_at, expires_at,
            session_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let statement = Statement::new(ATTEMPTS)
        .bind(&link.attempts_key)
        .bind(link.now);
    let (attempts,): (i64,) = transaction.fetch_one(statement).await?;
    let (user_id, registration_id) = match link.owner {
        LinkOwner::User(id) => (Some(id), None),
        LinkOwner::Registration(id) => (None, Some(id)),
        LinkOwner::Address => (None, None),
    };
    let statement = Statement::new(SQL)
        .bind(&link.hash)
        .bind(link.purpose.as_str())
        .bind(&link.email)
        .bind(key_of(&link.email))
        .bind(user_id)
        .bind(registration_id)
        .bind(link.code_hash.as_deref())
        .bind(attempts + CODE_ATTEMPTS)
        .bind(link.second_factor)
        .bind(&link.ip)
        .bind(&link.user_agent)
        .bind(link.now)
        .bind(link.now.plus(link.purpose.lifetime()))
        .bind(link.session_id);
    transaction.execute(statement).await?;
    match &link.message {
        Some(email) => outbox::enqueue(transaction, email).await,
        None => Ok(()),
    }
}

/// The same text for all spellings of a stored email address.
pub(crate) fn key_of(stored: &str) -> String {
    EmailAddress::parse_existing(stored).map_or_else(
        |_| stored.to_ascii_lowercase(),
        |email| email.to_lowercase(),
    )
}

/// Uses up the link with this token hash. Returns `false` if it has expired, or was used up or
/// invalidated in the meantime.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        UPDATE mailed_tokens SET used_at = $2
        WHERE hash = $1 AND used_at IS NULL AND expires_at > $2";
    let statement = Statement::new(SQL).bind(hash).bind(now);
    Ok(transaction.execute(statement).await? > 0)
}

/// Uses up all links of a user for a purpose.
pub(crate) async fn use_up_all(
    transaction: &mut Transaction,
    user_id: Id,
    purpose: LinkPurpose,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE mailed_tokens SET used_at = $3
        WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(purpose.as_str())
        .bind(now);
    transaction.execute(statement).await.map(drop)
}

/// Invalidates all links of a user, except those that take a change of the email address back:
/// an attacker who has made a hostile change could do this, too.
pub(crate) async fn invalidate_all(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM mailed_tokens
        WHERE user_id = $1 AND used_at IS NULL AND purpose <> 'undo'";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Gives the links of an address without an account to its new user: the one that was used, and those
/// that are for no registration in particular.
pub(crate) async fn assign(
    transaction: &mut Transaction,
    used: &Link,
    user_id: Id,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE mailed_tokens SET user_id = $1, registration_id = NULL
        WHERE hash = $2 OR (address = $3 AND user_id IS NULL AND registration_id IS NULL)";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(&used.hash)
        .bind(&used.address);
    transaction.execute(statement).await.map(drop)
}

/// Keeps a link, as one that was used, when what it belongs to is deleted.
pub(crate) async fn detach(
    transaction: &mut Transaction,
    hash: &[u8],
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        UPDATE mailed_tokens SET used_at = $2, user_id = NULL, registration_id = NULL
        WHERE hash = $1 AND used_at IS NULL AND expires_at > $2";
    let statement = Statement::new(SQL).bind(hash).bind(now);
    Ok(transaction.execute(statement).await? > 0)
}

/// Whether another user than this one may get an address back. The transaction has taken the address
/// already, so it sees the reservation of everyone who had it before.
pub(crate) async fn is_reserved(
    transaction: &mut Transaction,
    email: &str,
    user_id: Id,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        SELECT EXISTS (
            SELECT 1 FROM mailed_tokens
            WHERE address = $1 AND purpose = 'undo' AND user_id <> $2 AND used_at IS NULL
                AND expires_at > $3
        )";
    let statement = Statement::new(SQL)
        .bind(key_of(email))
        .bind(user_id)
        .bind(now);
    let (is_reserved,) = transaction.fetch_one(statement).await?;
    Ok(is_reserved)
}

/// A link that has not expired, and the user that it belongs to.
#[derive(FromRow)]
pub(crate) struct Link {
    pub hash: Vec<u8>,
    purpose: String,
    /// Where it was sent to.
    pub email: String,
    /// The same in lower case.
    pub address: String,
    pub user_id: Option<Id>,
    pub registration_id: Option<Id>,
    pub second_factor: bool,
    /// The session that the link ends.
    pub session_id: Option<Id>,
    pub user_agent: String,
    pub created_at: Timestamp,
    pub is_used: bool,
    pub user_email: Option<String>,
    pub email_verified: Option<bool>,
    pub date_joined: Option<Timestamp>,
}

impl Link {
    /// Looks up a link by its token, without using it up.
    pub async fn find(
        database: &Database,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        Self::find_by_hash(database, &email_token::hash(token), now).await
    }

    /// Looks up a link by the hash of its token.
    pub async fn find_by_hash(
        database: &Database,
        hash: &[u8],
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT hash, purpose, mailed_tokens.email, address, user_id, registration_id,
                second_factor, session_id, user_agent, created_at, used_at IS NOT NULL AS is_used,
                users.email AS user_email, email_verified, date_joined
            FROM mailed_tokens LEFT JOIN users ON users.id = user_id
            WHERE hash = $1 AND mailed_tokens.expires_at > $2";
        let statement = Statement::new(SQL).bind(hash).bind(now);
        database.fetch_optional(statement).await
    }

    /// What the link is for.
    pub fn purpose(&self) -> Option<LinkPurpose> {
        LinkPurpose::parse(&self.purpose)
    }

    /// Whether the address that the link was sent to is the verified one of its user.
    pub fn is_verified(&self) -> bool {
        self.email_verified == Some(true) && self.is_address_of_user()
    }

    /// Whether its user has the address that the link was sent to.
    pub fn is_address_of_user(&self) -> bool {
        let of_user = self.user_email.as_deref().map(key_of);
        of_user.is_some_and(|address| address == key_of(&self.email))
    }
}

/// Counts an attempt at a code, before the code is looked at, by a statement that does the same whether there is
/// one or not. Returns the number of attempts with this one.
pub(crate) async fn count_attempt(
    database: &Database,
    key: &[u8],
    now: Timestamp,
) -> Result<i64, Error> {
    const SQL: &str = "
        INSERT INTO code_attempts (key, attempts, updated_at) VALUES ($1, 1, $2)
        ON CONFLICT (key) DO UPDATE
        SET attempts = code_attempts.attempts + 1, updated_at = excluded.updated_at
        RETURNING attempts";
    let statement = Statement::new(SQL).bind(key).bind(now);
    let counted: Option<(i64,)> = database.write_optional(statement).await?;
    Ok(counted.map_or(i64::MAX, |(attempts,)| attempts))
}

/// An attempt at a code, for one address and purpose.
pub(crate) struct CodeAttempt<'a> {
    /// The key under which attempts are counted.
    pub key: &'a [u8],
    /// The email address, in lower case.
    pub address: &'a str,
    pub purpose: LinkPurpose,
    pub now: Timestamp,
}

impl CodeAttempt<'_> {
    /// Counts the attempt and looks for the link whose code this is. Returns the hash of its token.
    ///
    /// It is counted as [`count_attempt`] does, and taken back if the code is right.
    pub async fn make(
        &self,
        database: &Database,
        is_code_of: impl Fn(&[u8], &[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        const CODES: &str = "
            SELECT hash, code_hash FROM mailed_tokens
            WHERE address = $1 AND purpose = $2 AND expires_at > $3 AND code_limit >= $4
                AND code_hash IS NOT NULL";
        const TAKE_BACK: &str = "
            UPDATE code_attempts SET attempts = attempts - 1 WHERE key = $1 AND attempts > 0";
        let attempts = count_attempt(database, self.key, self.now).await?;
        let statement = Statement::new(CODES)
            .bind(self.address)
            .bind(self.purpose.as_str())
            .bind(self.now)
            .bind(attempts);
        let codes: Vec<(Vec<u8>, Vec<u8>)> = database.fetch_all(statement).await?;
        let mut right = codes
            .into_iter()
            .filter(|(hash, code)| is_code_of(hash, code));
        let Some((hash, _)) = right.next() else {
            return Ok(None);
        };
        let statement = Statement::new(TAKE_BACK).bind(self.key);
        database.execute(statement).await?;
        Ok(Some(hash))
    }
}
