//! The table `users`.

use smallvec::SmallVec;
use sqlx::FromRow;

use crate::{
    Database, Error, Id, Session, Timestamp,
    clock::CLOCK_SKEW,
    crypto::master_secrets::JwtSecret,
    email::address::Email,
    store::audit_events::{NewEvent, audit},
    store::database::{in_transaction, reading, writing},
    store::email_tokens::{self, LinkPurpose},
    store::outbox::{NewEmail, enqueue},
    store::second_factors,
    store::sessions::{self, Replacement, renew_current},
};

/// A person's account.
#[derive(Clone, Debug, FromRow)]
pub struct User {
    /// The user's id.
    pub id: Id,
    /// The address.
    pub email: Box<str>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the user administrates this server.
    pub is_admin: bool,
    /// When the account was made.
    pub date_joined: Timestamp,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// Whether the user has opened a link that was mailed to the address.
    pub email_verified: bool,
    /// Whether signing in takes a second factor.
    pub otp_enabled: bool,
    pub(crate) jwt_secret: JwtSecret,
}

/// A user to be.
pub(crate) struct NewUser {
    pub id: Id,
    pub email: Email,
    pub password_hash: String,
    pub is_admin: bool,
    /// Whether the account can be used only once its address is proved.
    pub awaits_activation: bool,
    pub jwt_secret: JwtSecret,
    pub date_joined: Timestamp,
    /// The link that proves the address, and the mail with it.
    pub activation: Option<NewLink>,
    pub event: NewEvent,
}

/// A link for a user, and the mails to go out with it.
pub(crate) struct NewLink {
    pub purpose: LinkPurpose,
    pub hash: Vec<u8>,
    /// Where the purpose is to change the address.
    pub new_email: Option<Email>,
    pub now: Timestamp,
    pub mails: Vec<NewEmail>,
}

/// A change after which all tokens of a user are void.
pub(crate) struct Rekey<'a> {
    pub user_id: Id,
    /// Nothing happens if the secret is another one by now.
    pub expected_secret: Option<&'a JwtSecret>,
    pub new_secret: JwtSecret,
    /// A new password also voids all mailed links.
    pub password_hash: Option<String>,
    pub removes_second_factor: bool,
    pub deactivates: bool,
    /// The mailed link that allows it, which is used up and proves the address.
    pub link: Option<(&'a [u8], Timestamp)>,
    /// The one session that goes on.
    pub keeps: Option<Replacement>,
    /// What tells the user.
    pub mail: Option<NewEmail>,
    pub event: NewEvent,
}

/// What came of a new address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EmailChange {
    /// It is the account's.
    Done,
    /// The link was used, or voided, meanwhile.
    LinkVoid,
    /// Another account has it by now.
    Taken,
}

/// Takes a user's row before anything else of that user is changed: two such changes then wait for
/// one another, and never each for the other. Binds: user.
pub(crate) const LOCK: &str = "UPDATE users SET is_active = is_active WHERE id = $1";

/// The same, unless the address is another one by now. Binds: user, address.
pub(crate) const LOCK_ADDRESS: &str = "
    UPDATE users SET is_active = is_active WHERE id = $1 AND email = $2";

/// The same, unless the user was signed out everywhere, or deleted, since the secret was read.
/// Binds: user, secret.
pub(crate) const LOCK_UNCHANGED: &str = "
    UPDATE users SET is_active = is_active WHERE id = $1 AND jwt_secret = $2";

/// Gives a user a link, in a transaction of either database.
macro_rules! issue {
    ($transaction:expr, $user_id:expr, $link:expr) => {{
        let link: &$crate::store::users::NewLink = $link;
        sqlx::query($crate::store::email_tokens::ISSUE)
            .bind($user_id)
            .bind(link.purpose.as_str())
            .bind(&link.hash)
            .bind(
                link.new_email
                    .as_ref()
                    .map($crate::email::address::Email::as_str),
            )
            .bind(link.now.plus(link.purpose.life()))
            .execute(&mut *$transaction)
            .await?;
        for mail in &link.mails {
            $crate::store::outbox::enqueue!($transaction, mail);
        }
    }};
}

pub(crate) use issue;

/// What signing in needs to know of a user.
#[derive(FromRow)]
pub(crate) struct Credentials {
    pub id: Id,
    pub password_hash: String,
    pub is_active: bool,
}

impl User {
    /// Adds a user, unless the address is taken: then it gives nothing.
    pub(crate) async fn insert(database: &Database, new: &NewUser) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            INSERT INTO users (id, email, password_hash, is_active, is_admin, awaits_activation,
                jwt_secret, date_joined)
            VALUES ($1, $2, $3, NOT $5, $4, $5, $6, $7)
            ON CONFLICT DO NOTHING
            RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret";
        in_transaction!(database, transaction => {
            let user: Option<Self> = sqlx::query_as(SQL)
                .bind(new.id)
                .bind(new.email.as_str())
                .bind(&new.password_hash)
                .bind(new.is_admin)
                .bind(new.awaits_activation)
                .bind(&new.jwt_secret)
                .bind(new.date_joined)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some(user) = &user {
                if let Some(link) = &new.activation {
                    issue!(transaction, user.id, link);
                }
                audit!(transaction, &new.event);
            }
            transaction.commit().await?;
            Ok(user)
        })
    }

    /// Whether this address is taken.
    pub(crate) async fn email_is_taken(database: &Database, email: &Email) -> Result<bool, Error> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE lower(email) = lower($1))";
        Ok(reading!(database, connection => {
            sqlx::query_scalar(SQL).bind(email.as_str()).fetch_one(connection).await?
        }))
    }

    /// Replaces the user's secret, with whatever comes along, and removes its sessions: the user as
    /// it is now, and the session that goes on. Nothing happens, and nothing is given, where one of
    /// the conditions no longer holds.
    pub(crate) async fn rekey(
        database: &Database,
        change: &Rekey<'_>,
    ) -> Result<Option<(Self, Option<Session>)>, Error> {
        const REKEY: &str = "
            UPDATE users SET jwt_secret = $2,
                password_hash = COALESCE($3, password_hash),
                otp_enabled = otp_enabled AND NOT $4,
                email_verified = email_verified OR $6,
                is_active = (is_active OR (awaits_activation AND $6)) AND NOT $5,
                awaits_activation = awaits_activation AND NOT $5 AND NOT $6
            WHERE id = $1 AND ($7 IS NULL OR jwt_secret = $7)
            RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret";
        const END_SESSIONS: &str = "DELETE FROM sessions WHERE user_id = $1";
        in_transaction!(database, transaction => {
            if let Some((hash, now)) = change.link {
                sqlx::query(LOCK).bind(change.user_id).execute(&mut *transaction).await?;
                let used = sqlx::query(email_tokens::USE_UP)
                    .bind(hash.to_vec())
                    .bind(LinkPurpose::Reset.as_str())
                    .bind(now)
                    .execute(&mut *transaction)
                    .await?;
                if used.rows_affected() == 0 {
                    return Ok(None);
                }
            }
            let user: Option<Self> = sqlx::query_as(REKEY)
                .bind(change.user_id)
                .bind(&change.new_secret)
                .bind(&change.password_hash)
                .bind(change.removes_second_factor)
                .bind(change.deactivates)
                .bind(change.link.is_some())
                .bind(change.expected_secret)
                .fetch_optional(&mut *transaction)
                .await?;
            let Some(user) = user else { return Ok(None) };
            if change.removes_second_factor {
                for sql in [second_factors::FORGET_SEEDS, second_factors::FORGET_CODES] {
                    sqlx::query(sql).bind(user.id).execute(&mut *transaction).await?;
                }
            }
            if change.password_hash.is_some() || change.deactivates {
                sqlx::query(email_tokens::VOID_ALL).bind(user.id).execute(&mut *transaction).await?;
            }
            let session = match &change.keeps {
                Some(kept) => {
                    sqlx::query(sessions::END_OTHERS)
                        .bind(user.id)
                        .bind(kept.session_id)
                        .execute(&mut *transaction)
                        .await?;
                    let Some(session) = renew_current!(transaction, kept) else {
                        return Ok(None);
                    };
                    Some(session)
                }
                None => {
                    sqlx::query(END_SESSIONS).bind(user.id).execute(&mut *transaction).await?;
                    None
                }
            };
            if let Some(mail) = &change.mail {
                enqueue!(transaction, mail);
            }
            audit!(transaction, &change.event);
            transaction.commit().await?;
            Ok(Some((user, session)))
        })
    }

    /// Uses an activation link up: the address is proved, and an account that waited for that is
    /// active. Whether the link still worked.
    pub(crate) async fn activate(
        database: &Database,
        user_id: Id,
        link_hash: &[u8],
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const PROVE: &str = "
            UPDATE users SET email_verified = TRUE, is_active = is_active OR awaits_activation,
                awaits_activation = FALSE
            WHERE id = $1";
        in_transaction!(database, transaction => {
            sqlx::query(LOCK).bind(user_id).execute(&mut *transaction).await?;
            let used = sqlx::query(email_tokens::USE_UP)
                .bind(link_hash.to_vec())
                .bind(LinkPurpose::Activation.as_str())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            if used.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(PROVE).bind(user_id).execute(&mut *transaction).await?;
            audit!(transaction, event);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Gives a user a link, in the place of an earlier one for the same purpose, unless its secret
    /// has changed since; whether it has one now.
    pub(crate) async fn issue_link(
        &self,
        database: &Database,
        new: &NewLink,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        in_transaction!(database, transaction => {
            let locked = sqlx::query(LOCK_UNCHANGED)
                .bind(self.id)
                .bind(&self.jwt_secret)
                .execute(&mut *transaction)
                .await?;
            if locked.rows_affected() == 0 {
                return Ok(false);
            }
            issue!(transaction, self.id, new);
            audit!(transaction, event);
            transaction.commit().await?;
            Ok(true)
        })
    }

    /// Uses an email-change link up: the user has the new address, which is proved by that. All
    /// links that were mailed to the old one are void.
    pub(crate) async fn change_email(
        database: &Database,
        user_id: Id,
        link_hash: &[u8],
        new_email: &str,
        now: Timestamp,
        mail: &NewEmail,
        event: &NewEvent,
    ) -> Result<EmailChange, Error> {
        const CHANGE: &str = "
            UPDATE users SET email = $2, email_verified = TRUE
            WHERE id = $1 AND NOT EXISTS (
                SELECT 1 FROM users WHERE lower(email) = lower($2) AND id <> $1
            )";
        in_transaction!(database, transaction => {
            sqlx::query(LOCK).bind(user_id).execute(&mut *transaction).await?;
            let used = sqlx::query(email_tokens::USE_UP)
                .bind(link_hash.to_vec())
                .bind(LinkPurpose::EmailChange.as_str())
                .bind(now)
                .execute(&mut *transaction)
                .await?;
            if used.rows_affected() == 0 {
                return Ok(EmailChange::LinkVoid);
            }
            let changed = sqlx::query(CHANGE)
                .bind(user_id)
                .bind(new_email)
                .execute(&mut *transaction)
                .await;
            match changed {
                Ok(changed) if changed.rows_affected() == 1 => {}
                Ok(_) => return Ok(EmailChange::Taken),
                // The index has the last word: another account may be taking it this moment.
                Err(error)
                    if error.as_database_error().is_some_and(|e| e.is_unique_violation()) =>
                {
                    return Ok(EmailChange::Taken);
                }
                Err(error) => return Err(error.into()),
            }
            sqlx::query(email_tokens::VOID_ALL).bind(user_id).execute(&mut *transaction).await?;
            enqueue!(transaction, mail);
            audit!(transaction, event);
            transaction.commit().await?;
            Ok(EmailChange::Done)
        })
    }

    /// Deletes the user and all its rows, unless its secret has changed since.
    pub(crate) async fn delete(&self, database: &Database) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 AND jwt_secret = $2";
        let deleted = writing!(database, connection => {
            sqlx::query(SQL)
                .bind(self.id)
                .bind(&self.jwt_secret)
                .execute(connection)
                .await?
                .rows_affected()
        });
        Ok(deleted == 1)
    }
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
        let rows: Vec<Row> = reading!(database, connection => {
            sqlx::query_as(SQL).bind(user_id).bind(now).bind(limit).fetch_all(connection).await?
        });
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

/// A user as an operator sees it.
#[derive(Clone, Debug, FromRow)]
pub struct UserRecord {
    /// The user.
    #[sqlx(flatten)]
    pub user: User,
    /// Not active only because the address is not proved yet.
    pub awaits_activation: bool,
}

impl UserRecord {
    /// By address, compared without case.
    pub(crate) async fn find(database: &Database, email: &Email) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE lower(email) = lower($1)";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(email.as_str()).fetch_optional(connection).await?
        }))
    }

    /// The users whose addresses come next in the alphabet, in lower case.
    pub(crate) async fn list(
        database: &Database,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE lower(email) > lower($1) ORDER BY lower(email) LIMIT $2";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(after).bind(i64::from(limit)).fetch_all(connection).await?
        }))
    }

    /// Makes the account one that may be used; whether there is such a user.
    pub(crate) async fn activate(
        database: &Database,
        user_id: Id,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            UPDATE users SET is_active = TRUE, awaits_activation = FALSE WHERE id = $1";
        in_transaction!(database, transaction => {
            let changed = sqlx::query(SQL).bind(user_id).execute(&mut *transaction).await?;
            audit!(transaction, event);
            transaction.commit().await?;
            Ok(changed.rows_affected() == 1)
        })
    }
}

impl Credentials {
    /// By address, compared without case.
    pub async fn find(database: &Database, email: &Email) -> Result<Option<Self>, Error> {
        const SQL: &str =
            "SELECT id, password_hash, is_active FROM users WHERE lower(email) = lower($1)";
        Ok(reading!(database, connection => {
            sqlx::query_as(SQL).bind(email.as_str()).fetch_optional(connection).await?
        }))
    }

    /// The stored password hash of a user.
    pub async fn password_hash(database: &Database, user_id: Id) -> Result<Option<String>, Error> {
        const SQL: &str = "SELECT password_hash FROM users WHERE id = $1";
        Ok(reading!(database, connection => {
            sqlx::query_scalar(SQL).bind(user_id).fetch_optional(connection).await?
        }))
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
