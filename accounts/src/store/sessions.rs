//! The table `sessions`: one small row for each signed-in device, written when it signs in or
//! refreshes its tokens.
//!
//! A session of a user with a second factor that has not completed it is *pending*: it lives for a few
//! minutes, is no device of the user, and counts apart.

use std::time::Duration;

use languages::{Language, stated_language};
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
        email_tokens::{self, Link},
        identities, retired_refresh_tokens,
        sign_in_failures::LoginAttempt,
        statement::Statement,
        transaction::Transaction,
        trusted_devices,
        users::{self, User},
    },
};

/// How many sessions a user has at most, besides pending ones. One more ends the least recently used.
pub(crate) const SESSION_LIMIT: u32 = 64;

/// How many pending sessions a user has at most. One more ends the least recently used of them.
pub(crate) const PENDING_LIMIT: u32 = 8;

/// How long a session can be pending. Refreshing its tokens does not extend that.
pub(crate) const PENDING_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// How [`FirstFactor::EmailCode`] is stored. The password is null.
const EMAIL_CODE: &str = "email_code";

/// How [`FirstFactor::Provider`] is stored.
const PROVIDER: &str = "fed";

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
    /// Whether the passkey that has started the session, or proved the user again, can be copied to other
    /// devices; `None` without one.
    pub(crate) passkey_synced: Option<bool>,
    /// What the session was started with, as [`FirstFactor`] is stored.
    first_factor: Option<String>,
    /// When the second factor was completed on this device, if the session was started without a code of its own.
    pub(crate) trusted_since: Option<Timestamp>,
    /// Until when the user can sign in on this device without a code of the second factor. Only where sessions are
    /// listed.
    #[sqlx(default)]
    pub trusted_until: Option<Timestamp>,
    /// When the user last proved who they are in this session, by signing in or again later.
    pub(crate) authenticated_at: Timestamp,
}

/// What a session is started with, besides the second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstFactor {
    Password,
    /// A code that was emailed.
    EmailCode,
    /// An account at a provider.
    Provider,
}

/// How the user has proved who they are.
pub(crate) enum SignInProof<'a> {
    Password {
        /// The hash that the password was checked against.
        checked_hash: &'a str,
        /// The hash to store from now on.
        new_hash: &'a str,
    },
    /// A code that was emailed, and was used up by the same transaction.
    EmailCode,
    /// A linked account at a provider.
    Identity(Id),
}

/// A sign-in with one correct factor.
pub(crate) struct SignIn<'a> {
    pub user_id: Id,
    pub proof: SignInProof<'a>,
    pub session_id: Id,
    pub refresh_id: Id,
    pub now: Timestamp,
    pub expires_at: Timestamp,
    pub device: &'a Device,
    /// The hash of what identifies the device, if it may be a trusted one.
    pub trust_hash: Option<Vec<u8>>,
    /// The counted attempt, if attempts are counted.
    pub attempt: Option<&'a LoginAttempt>,
    /// The event to record if this completes the sign-in.
    pub event: NewEvent,
    /// The event to record if the second factor is still pending.
    pub pending_event: NewEvent,
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
    /// When a session that was pending expires, now that it has passed the second factor. `None` if
    /// this change completes no sign-in.
    pub completed_until: Option<Timestamp>,
    /// Whether the user has just proved again who they are, with everything that signing in takes.
    pub is_reauthenticated: bool,
}

/// A session that continues.
pub(crate) struct Continued {
    pub session: Session,
    /// Whether it was pending, and the user is signed in only now.
    pub is_completed: bool,
}

/// Replaces the refresh token of the caller's session. Returns the session as it is now, or `None`
/// if it has ended. Call it with the user's row locked.
pub(crate) async fn renew_current(
    transaction: &mut Transaction,
    replacement: &Replacement,
) -> Result<Option<Continued>, Error> {
    const LOCK: &str = "
        UPDATE sessions SET last_used_at = $3
        WHERE id = $1 AND user_id = $2 AND expires_at > $3 AND last_used_at > $4
        RETURNING second_factor, refresh_id";
    const REPLACE: &str = concat!(
        "UPDATE sessions SET refresh_id = $2, previous_refresh_id = refresh_id,
            second_factor = $3 OR passkey_id IS NOT NULL,
            authenticated_at = CASE WHEN $4 THEN last_used_at ELSE authenticated_at END,
            trusted_since = CASE WHEN $4 OR $5 THEN NULL ELSE trusted_since END
        WHERE id = $1
        RETURNING ",
        session_columns!("id")
    );
    // The code alone is no recent sign-in: the password was given when the session began.
    const COMPLETE: &str = "
        UPDATE sessions SET authenticated_at = COALESCE(authenticated_at, created_at),
            created_at = $2, expires_at = $3
        WHERE id = $1";
    let (session_id, now) = (replacement.session_id, replacement.now);
    let statement = Statement::new(LOCK)
        .bind(session_id)
        .bind(replacement.user_id)
        .bind(now)
        .bind(replacement.idle_since);
    let locked: Option<(bool, Id)> = transaction.fetch_optional(statement).await?;
    let Some((had_second_factor, retired)) = locked else {
        return Ok(None);
    };
    // The old token keeps its grace period: another browser tab may be about to use it.
    retired_refresh_tokens::retire(transaction, retired, session_id, now).await?;
    let completed_until = replacement.completed_until.filter(|_| !had_second_factor);
    if let Some(until) = completed_until {
        let statement = Statement::new(COMPLETE)
            .bind(session_id)
            .bind(now)
            .bind(until);
        transaction.execute(statement).await?;
    }
    let statement = Statement::new(REPLACE)
        .bind(session_id)
        .bind(replacement.refresh_id)
        .bind(replacement.second_factor)
        .bind(replacement.is_reauthenticated)
        .bind(replacement.completed_until.is_some());
    Ok(Some(Continued {
        session: transaction.fetch_one(statement).await?,
        is_completed: completed_until.is_some(),
    }))
}

/// Replaces the tokens of the caller's session, and nothing else. Returns the user and the session as they
/// are now, or `None` if the session has ended.
pub(crate) async fn continue_with(
    database: &Database,
    user: &User,
    replacement: &Replacement,
    event: &NewEvent,
) -> Result<Option<(User, Session)>, Error> {
    let mut transaction = database.begin().await?;
    let Some(user) = users::lock_unchanged(&mut transaction, user).await? else {
        return Ok(None);
    };
    let Some(continued) = renew_current(&mut transaction, replacement).await? else {
        return Ok(None);
    };
    audit_events::record(&mut transaction, event).await?;
    transaction.commit().await?;
    Ok(Some((user, continued.session)))
}

/// Ends the least recently used sessions of a user beyond the limit, but never `newest`. Pending
/// sessions and others count apart. Call it with the user's row locked.
pub(crate) async fn enforce_limit(
    transaction: &mut Transaction,
    user_id: Id,
    newest: Id,
    is_pending: bool,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM sessions WHERE id IN (
            SELECT sessions.id FROM sessions JOIN users ON users.id = user_id
            WHERE user_id = $1 AND sessions.id <> $2
                AND (otp_enabled AND NOT second_factor) = $3
            ORDER BY last_used_at DESC, sessions.id LIMIT $4 OFFSET $5
        )";
    // More than there can be.
    const ALL: u32 = 1_000_000;
    let limit = if is_pending {
        PENDING_LIMIT
    } else {
        SESSION_LIMIT
    };
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(newest)
        .bind(is_pending)
        .bind(ALL)
        .bind(limit - 1);
    transaction.execute(statement).await.map(drop)
}

/// Makes all sessions that have not completed the second factor pending, except one: the second
/// factor was turned on.
pub(crate) async fn make_pending(
    transaction: &mut Transaction,
    user_id: Id,
    except: Id,
    until: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE sessions SET expires_at = $3
        WHERE user_id = $1 AND id <> $2 AND NOT second_factor AND expires_at > $3";
    let statement = Statement::new(SQL).bind(user_id).bind(except).bind(until);
    transaction.execute(statement).await?;
    enforce_limit(transaction, user_id, except, true).await
}

/// Corrects sessions that were used from a time on that is still to come: the clock was ahead. They
/// count as used now, and end as others do.
pub(crate) async fn end_in_time(
    database: &Database,
    from: Timestamp,
    now: Timestamp,
    latest_end: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE sessions SET last_used_at = $2,
            created_at = CASE WHEN created_at > $2 THEN $2 ELSE created_at END,
            expires_at = CASE WHEN expires_at > $3 THEN $3 ELSE expires_at END
        WHERE last_used_at >= $1";
    let statement = Statement::new(SQL).bind(from).bind(now).bind(latest_end);
    database.execute(statement).await.map(drop)
}

/// Ends the sessions of a user that have begun with an account at a provider, except one.
pub(crate) async fn end_federated(
    transaction: &mut Transaction,
    user_id: Id,
    except: Id,
) -> Result<(), Error> {
    const SQL: &str = "
        DELETE FROM sessions WHERE user_id = $1 AND id <> $2 AND first_factor = 'fed'";
    let statement = Statement::new(SQL).bind(user_id).bind(except);
    transaction.execute(statement).await.map(drop)
}

/// Whether a session of a user has not ended.
pub(crate) async fn is_live(
    transaction: &mut Transaction,
    user_id: Id,
    session_id: Id,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "
        SELECT count(*) FROM sessions WHERE id = $1 AND user_id = $2 AND expires_at > $3";
    let statement = Statement::new(SQL).bind(session_id).bind(user_id).bind(now);
    let (count,): (i64,) = transaction.fetch_one(statement).await?;
    Ok(count > 0)
}

/// Ends all sessions of a user, except one, and trusts no device any more.
pub(crate) async fn end_all(
    transaction: &mut Transaction,
    user_id: Id,
    except: Option<Id>,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM sessions WHERE user_id = $1 AND ($2 IS NULL OR id <> $2)";
    let statement = Statement::new(SQL).bind(user_id).bind(except);
    transaction.execute(statement).await?;
    trusted_devices::forget_all(transaction, user_id)
        .await
        .map(drop)
}

impl Session {
    /// What the session was started with.
    pub(crate) fn first_factor(&self) -> FirstFactor {
        match self.first_factor.as_deref() {
            Some(EMAIL_CODE) => FirstFactor::EmailCode,
            Some(PROVIDER) => FirstFactor::Provider,
            _ => FirstFactor::Password,
        }
    }

    /// Starts a session for a user who is still active, and still has the checked password hash or the identity;
    /// otherwise returns `None`. Failed attempts are forgotten. For a user with a second factor, the
    /// session is pending, and the user is not signed in yet.
    pub(crate) async fn start(
        database: &Database,
        sign_in: &SignIn<'_>,
    ) -> Result<Option<(User, Self)>, Error> {
        let mut transaction = database.begin().await?;
        let started = Self::start_in(&mut transaction, sign_in).await?;
        if started.is_some() {
            transaction.commit().await?;
        }
        Ok(started)
    }

    /// The same as a part of a transaction, which must not be committed if this returns `None`.
    pub(crate) async fn start_in(
        transaction: &mut Transaction,
        sign_in: &SignIn<'_>,
    ) -> Result<Option<(User, Self)>, Error> {
        const UPDATE_USER: &str = concat!(
            "UPDATE users SET last_login = CASE WHEN otp_enabled THEN last_login ELSE $3 END,
                language = CASE WHEN otp_enabled THEN language ELSE COALESCE($5, language) END,
                password_hash = COALESCE($4, password_hash)
            WHERE id = $1 AND ($2 IS NULL OR password_hash = $2) AND is_active
            RETURNING ",
            user_columns!("id")
        );
        const INSERT: &str = concat!(
            "INSERT INTO sessions (id, user_id, refresh_id, created_at, last_used_at, expires_at,
                ip, user_agent, first_factor, second_factor, trusted_since, authenticated_at)
            VALUES ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $10)
            RETURNING ",
            session_columns!("id")
        );
        let (checked_hash, new_hash, first_factor) = match sign_in.proof {
            SignInProof::Password {
                checked_hash,
                new_hash,
            } => (Some(checked_hash), Some(new_hash), None),
            SignInProof::EmailCode => (None, None, Some(EMAIL_CODE)),
            SignInProof::Identity(_) => (None, None, Some(PROVIDER)),
        };
        let statement = Statement::new(UPDATE_USER)
            .bind(sign_in.user_id)
            .bind(checked_hash)
            .bind(sign_in.now)
            .bind(new_hash)
            .bind(stated_language().map(Language::code));
        let user: Option<User> = transaction.fetch_optional(statement).await?;
        let Some(user) = user else {
            return Ok(None);
        };
        if let SignInProof::Identity(id) = sign_in.proof
            && !identities::note_use(transaction, user.id, id, sign_in.now).await?
        {
            return Ok(None);
        }
        let trusted_since = Self::trusted_since(transaction, sign_in, &user).await?;
        let is_pending = user.otp_enabled && trusted_since.is_none();
        let (event, expires_at) = if is_pending {
            let until = sign_in.now.plus(PENDING_LIFETIME);
            (&sign_in.pending_event, until.min(sign_in.expires_at))
        } else {
            (&sign_in.event, sign_in.expires_at)
        };
        let statement = Statement::new(INSERT)
            .bind(sign_in.session_id)
            .bind(sign_in.user_id)
            .bind(sign_in.refresh_id)
            .bind(sign_in.now)
            .bind(expires_at)
            .bind(sign_in.device.ip.to_string())
            .bind(&sign_in.device.user_agent)
            .bind(first_factor)
            .bind(trusted_since.is_some())
            .bind(trusted_since);
        let session: Self = transaction.fetch_one(statement).await?;
        enforce_limit(transaction, user.id, session.id, is_pending).await?;
        if let Some(attempt) = sign_in.attempt {
            transaction.execute(attempt.forget()).await?;
        }
        audit_events::record(transaction, event).await?;
        Ok(Some((user, session)))
    }

    /// Returns when the second factor was completed on the device of a sign-in, if it is on and the device is
    /// trusted. Then nothing is left to complete.
    async fn trusted_since(
        transaction: &mut Transaction,
        sign_in: &SignIn<'_>,
        user: &User,
    ) -> Result<Option<Timestamp>, Error> {
        let Some(hash) = sign_in.trust_hash.as_ref().filter(|_| user.otp_enabled) else {
            return Ok(None);
        };
        let (id, session_id, now) = (user.id, sign_in.session_id, sign_in.now);
        let since = trusted_devices::use_for(transaction, id, session_id, hash, now).await?;
        if since.is_some() {
            users::record_login(transaction, id, now).await?;
        }
        Ok(since)
    }

    /// Returns when a session expires at the latest, or `None` if it has ended.
    pub(crate) async fn end_of(
        database: &Database,
        user_id: Id,
        session_id: Id,
    ) -> Result<Option<Timestamp>, Error> {
        const SQL: &str = "SELECT expires_at FROM sessions WHERE id = $1 AND user_id = $2";
        let statement = Statement::new(SQL).bind(session_id).bind(user_id);
        let row: Option<(Timestamp,)> = database.fetch_optional(statement).await?;
        Ok(row.map(|(expires_at,)| expires_at))
    }

    /// Returns the user's current sessions, newest first, without pending ones.
    pub(crate) async fn list(
        database: &Database,
        user_id: Id,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            session_columns!("sessions.id"),
            ", ",
            trusted_until!(),
            " FROM sessions JOIN users ON users.id = user_id
            WHERE user_id = $1 AND expires_at > $2 AND last_used_at > $3
                AND (second_factor OR NOT otp_enabled)
            ORDER BY created_at DESC, sessions.id LIMIT $4"
        );
        let statement = Statement::new(SQL)
            .bind(user_id)
            .bind(now)
            .bind(idle_since)
            .bind(SESSION_LIMIT);
        database.fetch_all(statement).await
    }

    /// Returns the IP addresses from which the user with this email address last used the current
    /// sessions, without pending ones; none if there is no such user.
    pub(crate) async fn addresses(
        database: &Database,
        email: &EmailAddress,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<String>, Error> {
        const SQL: &str = "
            SELECT ip FROM sessions JOIN users ON users.id = user_id
            WHERE email_key IN ($1, $2, $3) AND expires_at > $4 AND last_used_at > $5
                AND (second_factor OR NOT otp_enabled)
            ORDER BY last_used_at DESC LIMIT $6";
        let [former, current, shown] = email.keys();
        let statement = Statement::new(SQL)
            .bind(former)
            .bind(current)
            .bind(shown)
            .bind(now)
            .bind(idle_since)
            .bind(SESSION_LIMIT);
        let rows: Vec<(String,)> = database.fetch_all(statement).await?;
        Ok(rows.into_iter().map(|(ip,)| ip).collect())
    }

    /// Ends the session of this event by an emailed link, and the trust in its device. Does
    /// nothing if the link was used up or invalidated in the meantime.
    pub(crate) async fn reject(
        database: &Database,
        link: &Link,
        session_id: Id,
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
        let mut transaction = database.begin().await?;
        // The event comes first, because it locks the user's row.
        audit_events::record(&mut transaction, event).await?;
        if !email_tokens::use_up(&mut transaction, &link.hash, now).await? {
            return Ok(());
        }
        let statement = Statement::new(SQL).bind(session_id).bind(event.user_id);
        transaction.execute(statement).await?;
        trusted_devices::forget(&mut transaction, event.user_id, session_id).await?;
        transaction.commit().await
    }

    /// Ends a session, and perhaps the trust in its device. Returns `false` if the user has no such session.
    pub(crate) async fn end(
        database: &Database,
        user_id: Id,
        session_id: Id,
        ends_trust: bool,
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
        if ends_trust {
            trusted_devices::forget(&mut transaction, user_id, session_id).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}
