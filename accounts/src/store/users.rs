//! The table `users`.

use smallvec::SmallVec;
use sqlx::FromRow;

use crate::{
    Database, Error, Id, Session, Timestamp,
    clock::CLOCK_SKEW,
    crypto::jwt_secret::JwtSecret,
    email::address::Email,
    store::{
        audit_events::{self, NewEvent},
        email_tokens::{self, LinkPurpose, NewLink},
        outbox::{self, NewEmail},
        second_factors,
        sessions::{self, Replacement},
        statement::Statement,
        transaction::Transaction,
    },
};

/// A user's account.
#[derive(Clone, Debug, FromRow)]
pub struct User {
    /// The user's id.
    pub id: Id,
    /// The email address.
    pub email: Box<str>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the user is an administrator of this server.
    pub is_admin: bool,
    /// When the account was created.
    pub date_joined: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// Whether the user has opened a link that was sent to the email address.
    pub email_verified: bool,
    /// Whether signing in requires a second factor.
    pub otp_enabled: bool,
    pub(crate) jwt_secret: JwtSecret,
}

/// A user to be created.
pub(crate) struct NewUser {
    pub id: Id,
    pub email: Email,
    pub password_hash: String,
    pub is_admin: bool,
    /// Whether the account can be used only once its email address is verified.
    pub awaits_activation: bool,
    pub jwt_secret: JwtSecret,
    pub date_joined: Timestamp,
    /// The link that verifies the email address, and the email with it.
    pub activation: Option<NewLink>,
    pub event: NewEvent,
}

/// A change that revokes all tokens of a user.
pub(crate) struct Rekey<'a> {
    pub user_id: Id,
    /// Nothing changes if the user's secret is no longer this one.
    pub expected_secret: Option<&'a JwtSecret>,
    pub new_secret: JwtSecret,
    /// A new password also invalidates all emailed links.
    pub password_hash: Option<String>,
    pub removes_second_factor: bool,
    pub deactivates: bool,
    /// The hash of the emailed link that allows the change, and the time now. The link is used up
    /// and verifies the email address.
    pub link: Option<(&'a [u8], Timestamp)>,
    /// The one session that continues.
    pub keeps: Option<Replacement>,
    /// The email that notifies the user.
    pub mail: Option<NewEmail>,
    pub event: NewEvent,
}

/// The result of a change of the email address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EmailChange {
    /// The account has the new address.
    Done,
    /// The link was used up or invalidated in the meantime.
    LinkInvalid,
    /// Another account has the address by now.
    Taken,
}

/// The columns of a locked user that changes depend on.
#[derive(FromRow)]
pub(crate) struct LockedUser {
    pub email: Box<str>,
    jwt_secret: JwtSecret,
}

/// Locks a user's row until the end of the transaction; returns `None` if there is no such user.
///
/// It comes before any other change of that user: two such changes wait for one another, and never
/// deadlock. The lock is the one that an `UPDATE` takes, so that concurrent inserts of rows that
/// refer to the user don't wait. A transaction on SQLite is the only writer and needs no lock.
pub(crate) async fn lock(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<Option<LockedUser>, Error> {
    const SELECT: &str = "SELECT email, jwt_secret FROM users WHERE id = $1";
    const LOCK: &str = "SELECT email, jwt_secret FROM users WHERE id = $1 FOR NO KEY UPDATE";
    let sql = if transaction.is_only_writer() {
        SELECT
    } else {
        LOCK
    };
    transaction
        .fetch_optional(Statement::new(sql).bind(user_id))
        .await
}

/// Locks a user's row. Returns `false` if the user was deleted or signed out everywhere since
/// `user` was read.
pub(crate) async fn lock_unchanged(
    transaction: &mut Transaction,
    user: &User,
) -> Result<bool, Error> {
    let locked = lock(transaction, user.id).await?;
    Ok(locked.is_some_and(|locked| locked.jwt_secret == user.jwt_secret))
}

/// What a sign-in needs to know about a user.
#[derive(FromRow)]
pub(crate) struct Credentials {
    pub id: Id,
    pub password_hash: String,
    pub is_active: bool,
}

impl Credentials {
    /// Finds a user by email address, ignoring case.
    pub async fn find(database: &Database, email: &Email) -> Result<Option<Self>, Error> {
        const SQL: &str =
            "SELECT id, password_hash, is_active FROM users WHERE lower(email) = lower($1)";
        let statement = Statement::new(SQL).bind(email.as_str());
        database.fetch_optional(statement).await
    }

    /// Returns the stored password hash of a user.
    pub async fn password_hash(database: &Database, user_id: Id) -> Result<Option<String>, Error> {
        const SQL: &str = "SELECT password_hash FROM users WHERE id = $1";
        let statement = Statement::new(SQL).bind(user_id);
        let row: Option<(String,)> = database.fetch_optional(statement).await?;
        Ok(row.map(|(hash,)| hash))
    }
}

impl User {
    /// Adds a user. Returns `None` if the email address is taken.
    pub(crate) async fn insert(database: &Database, new: &NewUser) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            INSERT INTO users (id, email, password_hash, is_active, is_admin, awaits_activation,
                jwt_secret, date_joined)
            VALUES ($1, $2, $3, NOT $5, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING
            RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret";
        let mut transaction = database.begin().await?;
        let statement = Statement::new(SQL)
            .bind(new.id)
            .bind(new.email.as_str())
            .bind(&new.password_hash)
            .bind(new.is_admin)
            .bind(new.awaits_activation)
            .bind(&new.jwt_secret)
            .bind(new.date_joined);
        let Some(user) = transaction.fetch_optional(statement).await? else {
            return Ok(None);
        };
        if let Some(link) = &new.activation {
            email_tokens::issue(&mut transaction, new.id, link).await?;
        }
        audit_events::record(&mut transaction, &new.event).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }

    /// Checks whether an account has this email address.
    pub(crate) async fn email_is_taken(database: &Database, email: &Email) -> Result<bool, Error> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower($1))";
        let statement = Statement::new(SQL).bind(email.as_str());
        let (is_taken,) = database.fetch_one(statement).await?;
        Ok(is_taken)
    }

    /// Replaces the user's secret, together with the other changes, and ends its sessions. Returns
    /// the user as it is now, and the session that continues. Where a condition no longer holds,
    /// returns `None` and changes nothing.
    pub(crate) async fn rekey(
        database: &Database,
        change: &Rekey<'_>,
    ) -> Result<Option<(Self, Option<Session>)>, Error> {
        let mut transaction = database.begin().await?;
        if let Some((hash, now)) = change.link {
            lock(&mut transaction, change.user_id).await?;
            if !email_tokens::use_up(&mut transaction, LinkPurpose::Reset, hash, now).await? {
                return Ok(None);
            }
        }
        let Some(user) = update_for_rekey(&mut transaction, change).await? else {
            return Ok(None);
        };
        if change.removes_second_factor {
            second_factors::remove(&mut transaction, user.id).await?;
        }
        if change.password_hash.is_some() || change.deactivates {
            email_tokens::invalidate_all(&mut transaction, user.id).await?;
        }
        let kept = change.keeps.as_ref();
        let except = kept.map(|kept| kept.session_id);
        sessions::end_all(&mut transaction, user.id, except).await?;
        let mut session = None;
        if let Some(kept) = kept {
            session = sessions::renew_current(&mut transaction, kept).await?;
            if session.is_none() {
                return Ok(None);
            }
        }
        if let Some(email) = &change.mail {
            outbox::enqueue(&mut transaction, email).await?;
        }
        audit_events::record(&mut transaction, &change.event).await?;
        transaction.commit().await?;
        Ok(Some((user, session)))
    }

    /// Uses up an activation link: the email address is verified, and an account that waited for
    /// that becomes active. Returns `false` if the link no longer works.
    pub(crate) async fn activate(
        database: &Database,
        user_id: Id,
        link_hash: &[u8],
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE users SET email_verified = TRUE, is_active = is_active OR awaits_activation,
                awaits_activation = FALSE
            WHERE id = $1";
        let mut transaction = database.begin().await?;
        lock(&mut transaction, user_id).await?;
        let purpose = LinkPurpose::Activation;
        if !email_tokens::use_up(&mut transaction, purpose, link_hash, now).await? {
            return Ok(false);
        }
        transaction
            .execute(Statement::new(SQL).bind(user_id))
            .await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Issues a link to the user. Returns `false` if the user's secret has changed in the meantime.
    pub(crate) async fn issue_link(
        &self,
        database: &Database,
        link: &NewLink,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        let mut transaction = database.begin().await?;
        if !lock_unchanged(&mut transaction, self).await? {
            return Ok(false);
        }
        email_tokens::issue(&mut transaction, self.id, link).await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Uses up an email-change link: the user gets the new address, which is thereby verified. All
    /// links that were sent to the old one become invalid.
    pub(crate) async fn change_email(
        database: &Database,
        user_id: Id,
        link_hash: &[u8],
        new_email: &str,
        now: Timestamp,
        mail: &NewEmail,
        event: &NewEvent,
    ) -> Result<EmailChange, Error> {
        const SQL: &str = "
            UPDATE users SET email = $2, email_verified = TRUE
            WHERE id = $1 AND NOT EXISTS (
                SELECT 1 FROM users WHERE lower(email) = lower($2) AND id <> $1
            )";
        let mut transaction = database.begin().await?;
        lock(&mut transaction, user_id).await?;
        let purpose = LinkPurpose::EmailChange;
        if !email_tokens::use_up(&mut transaction, purpose, link_hash, now).await? {
            return Ok(EmailChange::LinkInvalid);
        }
        let statement = Statement::new(SQL).bind(user_id).bind(new_email);
        // Another account may take the address at the same moment. Then the unique index decides.
        if transaction.execute_unless_duplicate(statement).await? == 0 {
            return Ok(EmailChange::Taken);
        }
        email_tokens::invalidate_all(&mut transaction, user_id).await?;
        outbox::enqueue(&mut transaction, mail).await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(EmailChange::Done)
    }

    /// Deletes the user and all its rows. Returns `false` if its secret has changed in the meantime.
    pub(crate) async fn delete(&self, database: &Database) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 AND jwt_secret = $2";
        let statement = Statement::new(SQL).bind(self.id).bind(&self.jwt_secret);
        Ok(database.execute(statement).await? == 1)
    }
}

async fn update_for_rekey(
    transaction: &mut Transaction,
    change: &Rekey<'_>,
) -> Result<Option<User>, Error> {
    const SQL: &str = "
        UPDATE users SET jwt_secret = $2,
            password_hash = COALESCE($3, password_hash),
            otp_enabled = otp_enabled AND NOT $4,
            email_verified = email_verified OR $6,
            is_active = (is_active OR (awaits_activation AND $6)) AND NOT $5,
            awaits_activation = awaits_activation AND NOT $5 AND NOT $6
        WHERE id = $1 AND ($7 IS NULL OR jwt_secret = $7)
        RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
            otp_enabled, jwt_secret";
    let statement = Statement::new(SQL)
        .bind(change.user_id)
        .bind(&change.new_secret)
        .bind(change.password_hash.as_deref())
        .bind(change.removes_second_factor)
        .bind(change.deactivates)
        .bind(change.link.is_some())
        .bind(change.expected_secret);
    transaction.fetch_optional(statement).await
}

/// How many sessions of a user are kept in memory.
const SESSIONS_KNOWN: usize = 64;

/// A user with its sessions that are alive: all that a token is checked against.
#[derive(Debug)]
pub(crate) struct LiveUser {
    pub user: User,
    /// The sessions that were used last.
    sessions: SmallVec<[Id; 1]>,
    /// Whether those are all.
    is_complete: bool,
    loaded_at: Timestamp,
}

impl LiveUser {
    /// A user by id, in one query.
    pub async fn find(
        database: &Database,
        user_id: Id,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT users.id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, sessions.id AS session_id
            FROM users LEFT JOIN sessions ON user_id = users.id AND expires_at > $2
            WHERE users.id = $1 ORDER BY last_used_at DESC LIMIT $3";
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            user: User,
            session_id: Option<Id>,
        }
        let limit = i64::try_from(SESSIONS_KNOWN + 1).unwrap_or(i64::MAX);
        let statement = Statement::new(SQL).bind(user_id).bind(now).bind(limit);
        let rows: Vec<Row> = database.fetch_all(statement).await?;
        let is_complete = rows.len() <= SESSIONS_KNOWN;
        let sessions = rows.iter().filter_map(|row| row.session_id).collect();
        Ok(rows.into_iter().next().map(|row| Self {
            user: row.user,
            sessions,
            is_complete,
            loaded_at: now,
        }))
    }

    /// Whether a session is alive, as far as this knows; nothing where only the database can tell:
    /// a session that began about when this was loaded, or one of very many.
    pub fn knows_session(
        &self,
        session_id: Id,
        token_issued_at: i64,
        now: Timestamp,
    ) -> Option<bool> {
        if self.sessions.contains(&session_id) {
            return Some(true);
        }
        let is_older = token_issued_at < self.loaded_at.minus(CLOCK_SKEW).unix_seconds()
            && self.loaded_at <= now.plus(CLOCK_SKEW);
        (self.is_complete && is_older).then_some(false)
    }
}

#[cfg(test)]
impl LiveUser {
    /// A user that is in no database.
    pub fn made_up(id: Id, email: &str) -> Self {
        let now = crate::Clock::now(&crate::SystemClock);
        Self {
            user: User {
                id,
                email: email.into(),
                is_active: true,
                is_admin: false,
                date_joined: now,
                last_login: None,
                email_verified: false,
                otp_enabled: false,
                jwt_secret: JwtSecret::new(&crate::OsRandom),
            },
            sessions: SmallVec::new(),
            is_complete: true,
            loaded_at: now,
        }
    }
}

/// A user as operators see it.
#[derive(Clone, Debug, FromRow)]
pub struct UserRecord {
    /// The user.
    #[sqlx(flatten)]
    pub user: User,
    /// Whether the account is inactive only because its email address is not verified yet.
    pub awaits_activation: bool,
}

impl UserRecord {
    /// Finds a user by email address, ignoring case.
    pub(crate) async fn find(database: &Database, email: &Email) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE lower(email) = lower($1)";
        let statement = Statement::new(SQL).bind(email.as_str());
        database.fetch_optional(statement).await
    }

    /// Returns the users whose email addresses, in lower case, follow `after` alphabetically.
    pub(crate) async fn list(
        database: &Database,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE lower(email) > lower($1) ORDER BY lower(email) LIMIT $2";
        let statement = Statement::new(SQL).bind(after).bind(limit);
        database.fetch_all(statement).await
    }

    /// Activates an account. Returns `false` if there is no such user.
    pub(crate) async fn activate(
        database: &Database,
        user_id: Id,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE users SET is_active = TRUE, awaits_activation = FALSE WHERE id = $1";
        let mut transaction = database.begin().await?;
        let changed = transaction
            .execute(Statement::new(SQL).bind(user_id))
            .await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(changed == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_a_clock_says_that_was_set_back_ends_no_session() {
        const HOUR: std::time::Duration = std::time::Duration::from_secs(60 * 60);
        let loaded_at = crate::SystemClock.now();
        let user = LiveUser::made_up(Id::from_random([1; 16]), "ada@example.com");
        let unknown = Id::from_random([2; 16]);
        let before = loaded_at.minus(2 * CLOCK_SKEW).unix_seconds();
        let knows = |issued_at, now| user.knows_session(unknown, issued_at, now);
        assert_eq!(knows(before, loaded_at.plus(HOUR)), Some(false));
        assert_eq!(knows(loaded_at.unix_seconds(), loaded_at), None);
        let set_back = loaded_at.minus(HOUR);
        assert_eq!(knows(set_back.unix_seconds(), set_back), None);
    }
}
