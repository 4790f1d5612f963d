//! The tables `sessions` and `retired_refresh_tokens`: one small row for each signed-in device,
//! written when it signs in or refreshes its tokens.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    device::Device,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        sign_in_failures::LoginAttempt,
        statement::Statement,
        transaction::Transaction,
        users::User,
    },
};

/// From how many sessions of a user, the last used ones, IP addresses are taken.
const KNOWN_ADDRESSES: i64 = 100;

/// A signed-in device.
#[derive(Clone, Debug, FromRow)]
pub struct Session {
    /// The session's id.
    pub id: Id,
    /// When the device signed in.
    pub created_at: Timestamp,
    /// When it last signed in or refreshed its tokens.
    pub last_used_at: Timestamp,
    /// When it expires, however often it is used.
    pub expires_at: Timestamp,
    /// The device's IP address when the session was last used.
    pub ip: String,
    /// The device's user agent when the session was last used.
    pub user_agent: String,
    pub(crate) refresh_id: Id,
    /// Whether the device has passed the user's second factor.
    pub(crate) second_factor: bool,
}

/// A sign-in with a correct password.
pub(crate) struct SignIn<'a> {
    pub user_id: Id,
    /// The hash that the password was checked against.
    pub checked_hash: &'a str,
    /// The hash to store from now on.
    pub new_hash: &'a str,
    pub session_id: Id,
    pub refresh_id: Id,
    pub now: Timestamp,
    pub expires_at: Timestamp,
    pub device: &'a Device,
    /// The counted attempt, if attempts are counted.
    pub attempt: Option<&'a LoginAttempt>,
    pub event: NewEvent,
}

/// A refresh token that is to be exchanged.
pub(crate) struct Renewal<'a> {
    pub user_id: Id,
    pub session_id: Id,
    /// The id of the presented token.
    pub presented: Id,
    /// The id of the token that replaces it.
    pub replacement: Id,
    pub now: Timestamp,
    /// Sessions last used before this have expired.
    pub idle_since: Timestamp,
    /// Tokens retired before this are past their grace period.
    pub grace_since: Timestamp,
    /// Tokens retired after this are as well: the clock has been set back.
    pub grace_until: Timestamp,
    pub device: &'a Device,
    /// The event to record if the token was already used.
    pub reuse: NewEvent,
}

/// A session that continues with new tokens, after a change that the caller was authorized to make.
pub(crate) struct Replacement {
    pub user_id: Id,
    pub session_id: Id,
    /// The id of the new refresh token.
    pub refresh_id: Id,
    /// Whether the session has passed the second factor from now on.
    pub second_factor: bool,
    pub now: Timestamp,
    /// Sessions last used before this have expired.
    pub idle_since: Timestamp,
}

/// Replaces the refresh token of the caller's session. Returns the session as it is now, or `None`
/// if it has ended.
pub(crate) async fn renew_current(
    transaction: &mut Transaction,
    replacement: &Replacement,
) -> Result<Option<Session>, Error> {
    const LOCK: &str = "
        UPDATE sessions SET last_used_at = $3
        WHERE id = $1 AND user_id = $2 AND expires_at > $3 AND last_used_at > $4";
    // The old token keeps its grace period: another browser tab may be about to use it.
    const RETIRE: &str = "
        INSERT INTO retired_refresh_tokens (id, session_id, retired_at)
        SELECT refresh_id, id, $2 FROM sessions WHERE id = $1
        ON CONFLICT DO NOTHING";
    const REPLACE: &str = "
        UPDATE sessions SET refresh_id = $2, second_factor = $3 WHERE id = $1
        RETURNING id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
            second_factor";
    let statement = Statement::new(LOCK)
        .bind(replacement.session_id)
        .bind(replacement.user_id)
        .bind(replacement.now)
        .bind(replacement.idle_since);
    if transaction.execute(statement).await? == 0 {
        return Ok(None);
    }
    let statement = Statement::new(RETIRE)
        .bind(replacement.session_id)
        .bind(replacement.now);
    transaction.execute(statement).await?;
    let statement = Statement::new(REPLACE)
        .bind(replacement.session_id)
        .bind(replacement.refresh_id)
        .bind(replacement.second_factor);
    transaction.fetch_one(statement).await.map(Some)
}

/// Ends all sessions of a user, except one.
pub(crate) async fn end_all(
    transaction: &mut Transaction,
    user_id: Id,
    except: Option<Id>,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR id <> $2)";
    let statement = Statement::new(SQL).bind(user_id).bind(except);
    transaction.execute(statement).await.map(drop)
}

impl Session {
    /// Starts a session for a user who is still active and still has the checked password hash;
    /// otherwise returns `None`. Failed attempts are forgotten.
    pub(crate) async fn start(
        database: &Database,
        sign_in: &SignIn<'_>,
    ) -> Result<Option<(User, Self)>, Error> {
        const UPDATE_USER: &str = "
            UPDATE users SET last_login = $3, password_hash = $4
            WHERE id = $1 AND password_hash = $2 AND is_active
            RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret";
        const INSERT: &str = "
            INSERT INTO sessions (id, user_id, refresh_id, created_at, last_used_at, expires_at,
                ip, user_agent)
            VALUES ($1, $2, $3, $4, $4, $5, $6, $7)
            RETURNING id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
                second_factor";
        let mut transaction = database.begin().await?;
        let statement = Statement::new(UPDATE_USER)
            .bind(sign_in.user_id)
            .bind(sign_in.checked_hash)
            .bind(sign_in.now)
            .bind(sign_in.new_hash);
        let Some(user) = transaction.fetch_optional(statement).await? else {
            return Ok(None);
        };
        let statement = Statement::new(INSERT)
            .bind(sign_in.session_id)
            .bind(sign_in.user_id)
            .bind(sign_in.refresh_id)
            .bind(sign_in.now)
            .bind(sign_in.expires_at)
            .bind(sign_in.device.ip.to_string())
            .bind(&sign_in.device.user_agent);
        let session = transaction.fetch_one(statement).await?;
        if let Some(attempt) = sign_in.attempt {
            transaction.execute(attempt.forget()).await?;
        }
        audit_events::record(&mut transaction, &sign_in.event).await?;
        transaction.commit().await?;
        Ok(Some((user, session)))
    }

    /// Exchanges a refresh token. Returns the session with its current refresh token, or `None` if
    /// the session has ended.
    ///
    /// Of several concurrent exchanges of a token, one statement lets only one rotate it. The others
    /// find it retired: within the grace period they share its replacement. Later the token must
    /// have been stolen, and the session ends. The time at which a token was retired never changes,
    /// so it is safe to look it up afterwards. The lookup is part of the transaction that lost the
    /// race, where the winner's commit is visible.
    pub(crate) async fn renew(
        database: &Database,
        renewal: &Renewal<'_>,
    ) -> Result<Option<Self>, Error> {
        let mut transaction = database.begin().await?;
        let mut session = rotate(&mut transaction, renewal).await?;
        if session.is_none() {
            session = find_in_grace_period(&mut transaction, renewal).await?;
        }
        if session.is_none() {
            end_after_reuse(&mut transaction, renewal).await?;
        }
        transaction.commit().await?;
        Ok(session)
    }

    /// Checks whether a session has not ended.
    pub(crate) async fn is_alive(
        database: &Database,
        user_id: Id,
        session_id: Id,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            SELECT EXISTS (
                SELECT 1 FROM sessions WHERE id = $1 AND user_id = $2 AND expires_at > $3
            )";
        let statement = Statement::new(SQL).bind(session_id).bind(user_id).bind(now);
        let (is_alive,) = database.fetch_one(statement).await?;
        Ok(is_alive)
    }

    /// Returns the user's current sessions, newest first.
    pub(crate) async fn list(
        database: &Database,
        user_id: Id,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
                second_factor
            FROM sessions
            WHERE user_id = $1 AND expires_at > $2 AND last_used_at > $3
            ORDER BY created_at DESC, id";
        let statement = Statement::new(SQL).bind(user_id).bind(now).bind(idle_since);
        database.fetch_all(statement).await
    }

    /// Returns the IP addresses from which the user with this email address last used the current
    /// sessions; none if there is no such user.
    pub(crate) async fn addresses(
        database: &Database,
        email: &EmailAddress,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<String>, Error> {
        const SQL: &str = "
            SELECT ip FROM sessions JOIN users ON users.id = user_id
            WHERE email_key IN ($1, $2, $3) AND expires_at > $4 AND last_used_at > $5
            ORDER BY last_used_at DESC LIMIT $6";
        let [former, current, shown] = email.keys();
        let statement = Statement::new(SQL)
            .bind(former)
            .bind(current)
            .bind(shown)
            .bind(now)
            .bind(idle_since)
            .bind(KNOWN_ADDRESSES);
        let rows: Vec<(String,)> = database.fetch_all(statement).await?;
        Ok(rows.into_iter().map(|(ip,)| ip).collect())
    }

    /// Ends a session. Returns `false` if the user has no such session.
    pub(crate) async fn end(
        database: &Database,
        user_id: Id,
        session_id: Id,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
        let mut transaction = database.begin().await?;
        // The event comes first, because it locks the user's row. A deletion of the user locks that
        // row before its sessions, too, so that there is no deadlock.
        audit_events::record(&mut transaction, event).await?;
        let statement = Statement::new(SQL).bind(session_id).bind(user_id);
        if transaction.execute(statement).await? == 0 {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Replaces the refresh token, if it is the session's current one.
async fn rotate(
    transaction: &mut Transaction,
    renewal: &Renewal<'_>,
) -> Result<Option<Session>, Error> {
    const ROTATE: &str = "
        UPDATE sessions SET refresh_id = $4, last_used_at = $5, ip = $7, user_agent = $8
        WHERE id = $1 AND user_id = $2 AND refresh_id = $3
            AND expires_at > $5 AND last_used_at > $6
        RETURNING id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
            second_factor";
    const RETIRE: &str = "
        INSERT INTO retired_refresh_tokens (id, session_id, retired_at) VALUES ($1, $2, $3)";
    let statement = Statement::new(ROTATE)
        .bind(renewal.session_id)
        .bind(renewal.user_id)
        .bind(renewal.presented)
        .bind(renewal.replacement)
        .bind(renewal.now)
        .bind(renewal.idle_since)
        .bind(renewal.device.ip.to_string())
        .bind(&renewal.device.user_agent);
    let session = transaction.fetch_optional(statement).await?;
    if session.is_some() {
        let statement = Statement::new(RETIRE)
            .bind(renewal.presented)
            .bind(renewal.session_id)
            .bind(renewal.now);
        transaction.execute(statement).await?;
    }
    Ok(session)
}

/// Finds the session whose refresh token was retired within the grace period.
async fn find_in_grace_period(
    transaction: &mut Transaction,
    renewal: &Renewal<'_>,
) -> Result<Option<Session>, Error> {
    const SQL: &str = "
        SELECT id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
            second_factor
        FROM sessions
        WHERE id = $1 AND user_id = $2 AND expires_at > $5 AND last_used_at > $6
            AND EXISTS (
                SELECT 1 FROM retired_refresh_tokens
                WHERE id = $3 AND session_id = sessions.id
                    AND retired_at >= $4 AND retired_at <= $7
            )";
    let statement = Statement::new(SQL)
        .bind(renewal.session_id)
        .bind(renewal.user_id)
        .bind(renewal.presented)
        .bind(renewal.grace_since)
        .bind(renewal.now)
        .bind(renewal.idle_since)
        .bind(renewal.grace_until);
    transaction.fetch_optional(statement).await
}

/// Ends the session of a refresh token that can't be exchanged, and records it if the token was
/// already used. A session that has expired still has the token as its current one.
async fn end_after_reuse(
    transaction: &mut Transaction,
    renewal: &Renewal<'_>,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING refresh_id";
    let statement = Statement::new(SQL)
        .bind(renewal.session_id)
        .bind(renewal.user_id);
    let ended: Option<(Id,)> = transaction.fetch_optional(statement).await?;
    if ended.is_some_and(|(current,)| current != renewal.presented) {
        audit_events::record(transaction, &renewal.reuse).await?;
    }
    Ok(())
}
