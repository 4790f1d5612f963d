//! The tables `sessions` and `retired_refresh_tokens`: one small row for each signed-in device,
//! written when it signs in or renews its tokens.

use sqlx::FromRow;

use crate::{
    Database, Device, Error, Id, Timestamp, User,
    email::address::Email,
    store::audit_events::{NewEvent, audit},
    store::database::{in_transaction, reading},
    store::sign_in_failures::{self, LoginAttempt},
};

/// How many sessions of a user, those last used, tell where its devices are.
const ADDRESSES_KNOWN: i64 = 100;

/// A signed-in device.
#[derive(Clone, Debug, FromRow)]
pub struct Session {
    /// The session's id.
    pub id: Id,
    /// When the device signed in.
    pub created_at: Timestamp,
    /// When it last signed in or renewed its tokens.
    pub last_used_at: Timestamp,
    /// When it is over, however often it is used.
    pub expires_at: Timestamp,
    /// Its address when it was last used.
    pub ip: String,
    /// What it called itself when it was last used.
    pub user_agent: String,
    pub(crate) refresh_id: Id,
    /// Whether the device has passed the user's second factor.
    pub(crate) second_factor: bool,
}

/// A sign-in whose password has been checked.
pub(crate) struct SignIn<'a> {
    pub user_id: Id,
    /// The hash that the password was checked against.
    pub checked_hash: &'a str,
    /// The hash to keep from now on.
    pub new_hash: &'a str,
    pub session_id: Id,
    pub refresh_id: Id,
    pub now: Timestamp,
    pub expires_at: Timestamp,
    pub device: &'a Device,
    /// As what it was counted, where failures are.
    pub guess: Option<&'a LoginAttempt>,
    pub event: NewEvent,
}

/// A refresh token that has been presented.
pub(crate) struct Renewal<'a> {
    pub user_id: Id,
    pub session_id: Id,
    /// The presented token.
    pub presented: Id,
    /// The token to take its place.
    pub replacement: Id,
    pub now: Timestamp,
    /// Sessions last used before this are over.
    pub idle_since: Timestamp,
    /// Tokens retired before this are past their grace.
    pub grace_since: Timestamp,
    /// Nor is it told of tokens retired after this, before the clock was set back, how long ago it was.
    pub grace_until: Timestamp,
    pub device: &'a Device,
    /// What has happened if the token was used before.
    pub reuse: NewEvent,
}

/// A session that goes on with new tokens, after a change that the caller has proved a right to.
pub(crate) struct Replacement {
    pub user_id: Id,
    pub session_id: Id,
    /// The refresh token to take the place of the present one.
    pub refresh_id: Id,
    /// Whether it has passed the second factor from now on.
    pub second_factor: bool,
    pub now: Timestamp,
    /// Sessions last used before this are over.
    pub idle_since: Timestamp,
}

/// Holds the row of a session that is alive. Binds: session, user, time, idle since.
pub(crate) const HOLD: &str = "
    UPDATE sessions SET last_used_at = $3
    WHERE id = $1 AND user_id = $2 AND expires_at > $3 AND last_used_at > $4";

/// Retires the present refresh token, as a renewal does: another tab may be about to use it.
/// Binds: session, time.
pub(crate) const RETIRE_PRESENT: &str = "
    INSERT INTO retired_refresh_tokens (id, session_id, retired_at)
    SELECT refresh_id, id, $2 FROM sessions WHERE id = $1
    ON CONFLICT DO NOTHING";

/// Binds: session, new refresh token, second factor.
pub(crate) const REPLACE: &str = "
    UPDATE sessions SET refresh_id = $2, second_factor = $3 WHERE id = $1
    RETURNING id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
        second_factor";

/// Ends all sessions of a user but one. Binds: user, session.
pub(crate) const END_OTHERS: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";

/// Gives the caller's session a new refresh token, in a transaction of either database: the session
/// as it is now, or nothing if it has ended.
macro_rules! renew_current {
    ($transaction:expr, $replacement:expr) => {{
        let replacement: &$crate::store::sessions::Replacement = $replacement;
        let held = sqlx::query($crate::store::sessions::HOLD)
            .bind(replacement.session_id)
            .bind(replacement.user_id)
            .bind(replacement.now)
            .bind(replacement.idle_since)
            .execute(&mut *$transaction)
            .await?;
        if held.rows_affected() == 0 {
            None
        } else {
            sqlx::query($crate::store::sessions::RETIRE_PRESENT)
                .bind(replacement.session_id)
                .bind(replacement.now)
                .execute(&mut *$transaction)
                .await?;
            let session: $crate::Session = sqlx::query_as($crate::store::sessions::REPLACE)
                .bind(replacement.session_id)
                .bind(replacement.refresh_id)
                .bind(replacement.second_factor)
                .fetch_one(&mut *$transaction)
                .await?;
            Some(session)
        }
    }};
}

pub(crate) use renew_current;

impl Session {
    /// Starts a session for a user who is still active and still has the checked password;
    /// otherwise it gives nothing. Earlier failures are forgotten.
    pub(crate) async fn start(
        database: &Database,
        sign_in: &SignIn<'_>,
    ) -> Result<Option<(User, Self)>, Error> {
        const ADMIT: &str = "
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
        in_transaction!(database, transaction => {
            let user: Option<User> = sqlx::query_as(ADMIT)
                .bind(sign_in.user_id)
                .bind(sign_in.checked_hash)
                .bind(sign_in.now)
                .bind(sign_in.new_hash)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(user) = user else { return Ok(None) };
            let session = sqlx::query_as(INSERT)
                .bind(sign_in.session_id)
                .bind(sign_in.user_id)
                .bind(sign_in.refresh_id)
                .bind(sign_in.now)
                .bind(sign_in.expires_at)
                .bind(sign_in.device.ip.to_string())
                .bind(&sign_in.device.user_agent)
                .fetch_one(&mut *transaction)
                .await?;
            if let Some(guess) = sign_in.guess {
                sqlx::query(sign_in_failures::FORGET)
                    .bind(&guess.key)
                    .execute(&mut *transaction)
                    .await?;
            }
            audit!(transaction, &sign_in.event);
            transaction.commit().await?;
            Ok(Some((user, session)))
        })
    }

    /// Exchanges a refresh token; gives the session with the refresh token that is good now, or
    /// nothing if the session is over.
    ///
    /// One statement decides which of many presentations of a token retires it. The others find it
    /// retired: within the grace they share its replacement; past it the token is in the wrong
    /// hands, and the session ends. When a token was retired never changes, so that looking it up
    /// afterwards is safe; and it is looked up in the same transaction as the lost race, where the
    /// winner's commit is visible.
    pub(crate) async fn renew(
        database: &Database,
        renewal: &Renewal<'_>,
    ) -> Result<Option<Self>, Error> {
        const ROTATE: &str = "
            UPDATE sessions SET refresh_id = $4, last_used_at = $5, ip = $7, user_agent = $8
            WHERE id = $1 AND user_id = $2 AND refresh_id = $3
                AND expires_at > $5 AND last_used_at > $6
            RETURNING id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
                second_factor";
        const RETIRE: &str = "
            INSERT INTO retired_refresh_tokens (id, session_id, retired_at) VALUES ($1, $2, $3)";
        const IN_GRACE: &str = "
            SELECT id, created_at, last_used_at, expires_at, ip, user_agent, refresh_id,
                second_factor
            FROM sessions
            WHERE id = $1 AND user_id = $2 AND expires_at > $5 AND last_used_at > $6
                AND EXISTS (
                    SELECT 1 FROM retired_refresh_tokens
                    WHERE id = $3 AND session_id = sessions.id
                        AND retired_at >= $4 AND retired_at <= $7
                )";
        const END: &str = "
            DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING refresh_id";
        in_transaction!(database, transaction => {
            let rotated: Option<Self> = sqlx::query_as(ROTATE)
                .bind(renewal.session_id)
                .bind(renewal.user_id)
                .bind(renewal.presented)
                .bind(renewal.replacement)
                .bind(renewal.now)
                .bind(renewal.idle_since)
                .bind(renewal.device.ip.to_string())
                .bind(&renewal.device.user_agent)
                .fetch_optional(&mut *transaction)
                .await?;
            let session = if rotated.is_some() {
                sqlx::query(RETIRE)
                    .bind(renewal.presented)
                    .bind(renewal.session_id)
                    .bind(renewal.now)
                    .execute(&mut *transaction)
                    .await?;
                rotated
            } else {
                let in_grace: Option<Self> = sqlx::query_as(IN_GRACE)
                    .bind(renewal.session_id)
                    .bind(renewal.user_id)
                    .bind(renewal.presented)
                    .bind(renewal.grace_since)
                    .bind(renewal.now)
                    .bind(renewal.idle_since)
                    .bind(renewal.grace_until)
                    .fetch_optional(&mut *transaction)
                    .await?;
                if in_grace.is_none() {
                    let ended: Option<Id> = sqlx::query_scalar(END)
                        .bind(renewal.session_id)
                        .bind(renewal.user_id)
                        .fetch_optional(&mut *transaction)
                        .await?;
                    // A session that was over anyway still names the token.
                    if ended.is_some_and(|refresh_id| refresh_id != renewal.presented) {
                        audit!(transaction, &renewal.reuse);
                    }
                }
                in_grace
            };
            transaction.commit().await?;
            Ok(session)
        })
    }

    /// Whether a session is alive.
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
        Ok(reading!(database, connection => {
            sqlx::query_scalar(SQL)
                .bind(session_id)
                .bind(user_id)
                .bind(now)
                .fetch_one(connection)
                .await?
        }))
    }

    /// The user's sessions that are alive, newest first.
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
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(user_id).bind(now).bind(idle_since).fetch_all(connection).await?
        }))
    }

    /// Where the user with this address last used the sessions that are alive; nowhere for an
    /// address that nobody has.
    pub(crate) async fn addresses(
        database: &Database,
        email: &Email,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<String>, Error> {
        const SQL: &str = "
            SELECT ip FROM sessions JOIN users ON users.id = user_id
            WHERE lower(email) = lower($1) AND expires_at > $2 AND last_used_at > $3
            ORDER BY last_used_at DESC LIMIT $4";
        Ok(reading!(database, connection => {
            sqlx::query_scalar(SQL)
                .bind(email.as_str())
                .bind(now)
                .bind(idle_since)
                .bind(ADDRESSES_KNOWN)
                .fetch_all(connection)
                .await?
        }))
    }

    /// Ends a session; whether there was one of this user to end.
    pub(crate) async fn end(
        database: &Database,
        user_id: Id,
        session_id: Id,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
        in_transaction!(database, transaction => {
            // The event holds the user's row, and comes first: whoever deletes the user takes that
            // before its sessions, too.
            audit!(transaction, event);
            let ended = sqlx::query(SQL)
                .bind(session_id)
                .bind(user_id)
                .execute(&mut *transaction)
                .await?;
            if ended.rows_affected() == 0 {
                return Ok(false);
            }
            transaction.commit().await?;
            Ok(true)
        })
    }
}
