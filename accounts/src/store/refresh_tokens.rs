//! The exchange of refresh tokens.
//!
//! A session's row names its current refresh token and that token's direct predecessor. What a
//! presented token gets depends on which of them it is:
//!
//! | the presented token | what happens |
//! |---|---|
//! | is the current one | it is retired, and a new one becomes current |
//! | was retired within the grace period | it gets the current one: a lost response, or another tab |
//! | is the direct predecessor, retired earlier | its successor was never used, so that response was lost, too: it gets a new token, and the unused one becomes invalid |
//! | is any other | two parties hold the session's tokens, so it ends |

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::jwt_secret::JwtSecret,
    device::Device,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        retired_refresh_tokens,
        sessions::Session,
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

/// One refresh in this many also removes the session's tokens that are past their grace period, so
/// that no client fills the table between two rounds of the cleanup.
const PRUNE_INTERVAL: u8 = 16;

/// A refresh token that is to be exchanged.
pub(crate) struct Renewal<'a> {
    pub user_id: Id,
    /// The user's secret when the token was checked.
    pub jwt_secret: &'a JwtSecret,
    pub session_id: Id,
    /// The id of the presented token.
    pub presented: Id,
    /// The id of the token that replaces it.
    pub replacement: Id,
    pub now: Timestamp,
    /// Sessions last used before this have expired.
    pub idle_since: Timestamp,
    /// No session expires later than this. One that does was started while the clock was ahead.
    pub latest_end: Timestamp,
    /// Tokens retired before this are past their grace period.
    pub grace_since: Timestamp,
    /// Tokens retired after this are as well: the clock has been set back.
    pub grace_until: Timestamp,
    pub device: &'a Device,
    /// The event to record if the token was already used.
    pub reuse: NewEvent,
}

/// What became of a refresh token.
#[expect(clippy::large_enum_variant, reason = "it is moved once, to the caller")]
pub(crate) enum Exchange {
    /// The session continues with its current token. The user is as of the same transaction.
    Renewed(User, Session),
    /// The token was used before by someone else, so its session has ended now.
    Reused,
    /// The session had ended before.
    SessionEnded,
    /// The session has expired, or the user's tokens were revoked.
    Refused,
}

/// A session's row, for a token that is not its current one.
#[derive(FromRow)]
struct LockedSession {
    #[sqlx(flatten)]
    session: Session,
    previous_refresh_id: Option<Id>,
}

impl Renewal<'_> {
    /// Exchanges the token.
    ///
    /// The user's row is locked against changes of its secret: otherwise the new tokens could be
    /// signed with a key that a concurrent change of the password has replaced.
    pub async fn apply(&self, database: &Database) -> Result<Exchange, Error> {
        let mut transaction = database.begin().await?;
        let user = users::lock_shared(&mut transaction, self.user_id).await?;
        let user = user.filter(|user| user.is_active && user.jwt_secret == *self.jwt_secret);
        let Some(user) = user else {
            return Ok(Exchange::Refused);
        };
        let exchange = match self.rotate(&mut transaction).await? {
            Some(session) => Exchange::Renewed(user, session),
            None => self.exchange_retired(&mut transaction, user).await?,
        };
        transaction.commit().await?;
        Ok(exchange)
    }

    /// Replaces the token, if it is the session's current one. Of several concurrent exchanges, this
    /// statement lets only one succeed.
    async fn rotate(&self, transaction: &mut Transaction) -> Result<Option<Session>, Error> {
        const SQL: &str = concat!(
            "UPDATE sessions SET refresh_id = $4, previous_refresh_id = refresh_id,
                last_used_at = $5, ip = $7, user_agent = $8,
                expires_at = CASE WHEN expires_at > $9 THEN $9 ELSE expires_at END
            WHERE id = $1 AND user_id = $2 AND refresh_id = $3
                AND expires_at > $5 AND last_used_at > $6
            RETURNING ",
            session_columns!("id")
        );
        let statement = Statement::new(SQL)
            .bind(self.session_id)
            .bind(self.user_id)
            .bind(self.presented)
            .bind(self.replacement)
            .bind(self.now)
            .bind(self.idle_since)
            .bind(self.device.ip.to_string())
            .bind(&self.device.user_agent)
            .bind(self.latest_end);
        let session = transaction.fetch_optional(statement).await?;
        if session.is_some() {
            self.retire(transaction).await?;
            if self.replacement.as_bytes()[0].is_multiple_of(PRUNE_INTERVAL) {
                let (session_id, until) = (self.session_id, self.grace_since);
                retired_refresh_tokens::prune(transaction, session_id, until).await?;
            }
        }
        Ok(session)
    }

    /// Exchanges a token that is not the current one of its session. An expired session stays as it
    /// is: the clock may be wrong, and the cleanup knows better.
    async fn exchange_retired(
        &self,
        transaction: &mut Transaction,
        user: User,
    ) -> Result<Exchange, Error> {
        let Some(locked) = self.lock_session(transaction).await? else {
            return Ok(Exchange::SessionEnded);
        };
        let session = locked.session;
        let has_expired = session.expires_at <= self.now || session.last_used_at <= self.idle_since;
        if has_expired {
            return Ok(Exchange::Refused);
        }
        // This is a statement of its own: only after the row was locked, it sees what the previous
        // holder of the lock has written.
        let grace_period = self.grace_since..=self.grace_until;
        let (presented, session_id) = (self.presented, self.session_id);
        if retired_refresh_tokens::exists(transaction, presented, session_id, grace_period).await? {
            return Ok(Exchange::Renewed(user, session));
        }
        if locked.previous_refresh_id == Some(self.presented) {
            let session = self.replace_unused(transaction).await?;
            return Ok(Exchange::Renewed(user, session));
        }
        self.end_session(transaction).await?;
        Ok(Exchange::Reused)
    }

    async fn lock_session(
        &self,
        transaction: &mut Transaction,
    ) -> Result<Option<LockedSession>, Error> {
        const SELECT: &str = concat!(
            "SELECT ",
            session_columns!("id"),
            ", previous_refresh_id FROM sessions WHERE id = $1 AND user_id = $2"
        );
        const LOCK: &str = concat!(
            "SELECT ",
            session_columns!("id"),
            ", previous_refresh_id FROM sessions WHERE id = $1 AND user_id = $2 FOR UPDATE"
        );
        let sql = if transaction.is_only_writer() {
            SELECT
        } else {
            LOCK
        };
        let statement = Statement::new(sql).bind(self.session_id).bind(self.user_id);
        transaction.fetch_optional(statement).await
    }

    /// Replaces the unused successor of the presented token. The successor is not retired: anyone who
    /// presents it has received a response that this client has not.
    async fn replace_unused(&self, transaction: &mut Transaction) -> Result<Session, Error> {
        const SQL: &str = concat!(
            "UPDATE sessions SET refresh_id = $2, last_used_at = $3, ip = $4, user_agent = $5
            WHERE id = $1
            RETURNING ",
            session_columns!("id")
        );
        self.retire(transaction).await?;
        let statement = Statement::new(SQL)
            .bind(self.session_id)
            .bind(self.replacement)
            .bind(self.now)
            .bind(self.device.ip.to_string())
            .bind(&self.device.user_agent);
        transaction.fetch_one(statement).await
    }

    async fn retire(&self, transaction: &mut Transaction) -> Result<(), Error> {
        let (presented, session_id) = (self.presented, self.session_id);
        retired_refresh_tokens::retire(transaction, presented, session_id, self.now).await
    }

    async fn end_session(&self, transaction: &mut Transaction) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1";
        transaction
            .execute(Statement::new(SQL).bind(self.session_id))
            .await?;
        audit_events::record(transaction, &self.reuse).await
    }
}
