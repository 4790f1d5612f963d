//! The table `users`.

use smallvec::SmallVec;
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::jwt_secret::JwtSecret,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        email_tokens::{self, LinkPurpose, NewLink},
        outbox::{self, NewEmail},
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
    /// Whether the account is inactive only because its email address is not verified yet.
    pub awaits_activation: bool,
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
    pub email: EmailAddress,
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

/// Returns a query by email address. Its `$1` to `$3` are the keys that the account may have, the most
/// likely one first, and `$4` is the spelling that was entered: accounts that differed in an earlier
/// version, and no longer would, are told apart by it.
fn by_email<'a>(sql: &'static str, email: &'a EmailAddress) -> Statement<'a> {
    let [former, current, shown] = email.keys();
    Statement::new(sql)
        .bind(former)
        .bind(current)
        .bind(shown)
        .bind(email.as_entered())
}

impl Credentials {
    /// Finds a user by email address, ignoring case.
    pub async fn find(database: &Database, email: &EmailAddress) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, password_hash, is_active FROM users
            WHERE email_key IN ($1, $2, $3)
            ORDER BY email = $4 DESC, email_key = $1 DESC, email_key = $2 DESC, date_joined LIMIT 1";
        database.fetch_optional(by_email(SQL, email)).await
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
    /// Finds a user by email address, ignoring case.
    pub(crate) async fn find_by_email(
        database: &Database,
        email: &EmailAddress,
    ) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE email_key IN ($1, $2, $3)
            ORDER BY email = $4 DESC, email_key = $1 DESC, email_key = $2 DESC, date_joined LIMIT 1";
        database.fetch_optional(by_email(SQL, email)).await
    }

    /// Returns the users whose email addresses follow `after`, sorted without case.
    pub(crate) async fn list(
        database: &Database,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation
            FROM users WHERE email_key >= $1 AND (email_key > $1 OR email > $2)
            ORDER BY email_key, email LIMIT $3";
        let statement = Statement::new(SQL)
            .bind(after.to_ascii_lowercase())
            .bind(after)
            .bind(limit);
        database.fetch_all(statement).await
    }

    /// Finds a user by id, with up to `limit` live sessions, the last used ones first.
    pub(crate) async fn find_with_sessions(
        database: &Database,
        user_id: Id,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<(Self, SmallVec<[Id; 1]>)>, Error> {
        const SQL: &str = "
            SELECT users.id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation, sessions.id AS session_id
            FROM users LEFT JOIN sessions ON user_id = users.id AND expires_at > $2
            WHERE users.id = $1 ORDER BY last_used_at DESC LIMIT $3";
        #[derive(FromRow)]
        struct Row {
            #[sqlx(flatten)]
            user: User,
            session_id: Option<Id>,
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let statement = Statement::new(SQL).bind(user_id).bind(now).bind(limit);
        let rows: Vec<Row> = database.fetch_all(statement).await?;
        let sessions = rows.iter().filter_map(|row| row.session_id).collect();
        Ok(rows.into_iter().next().map(|row| (row.user, sessions)))
    }

    /// Adds a user. Returns `None` if the email address is taken.
    pub(crate) async fn insert(database: &Database, new: &NewUser) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            INSERT INTO users (id, email, password_hash, is_active, is_admin, awaits_activation,
                jwt_secret, date_joined)
            SELECT $1, $2, $3, NOT $5, $4, $5, $6, $7
            WHERE NOT EXISTS (SELECT 1 FROM users WHERE email_key IN ($8, $9, $10))
            ON CONFLICT DO NOTHING
            RETURNING id, email, is_active, is_admin, date_joined, last_login, email_verified,
                otp_enabled, jwt_secret, awaits_activation";
        let mut transaction = database.begin().await?;
        let [former, current, shown] = new.email.keys();
        let statement = Statement::new(SQL)
            .bind(new.id)
            .bind(new.email.as_str())
            .bind(&new.password_hash)
            .bind(new.is_admin)
            .bind(new.awaits_activation)
            .bind(&new.jwt_secret)
            .bind(new.date_joined)
            .bind(former)
            .bind(current)
            .bind(shown);
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
    pub(crate) async fn email_is_taken(
        database: &Database,
        email: &EmailAddress,
    ) -> Result<bool, Error> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM users WHERE email_key IN ($1, $2, $3))";
        let [former, current, shown] = email.keys();
        let statement = Statement::new(SQL).bind(former).bind(current).bind(shown);
        let (is_taken,) = database.fetch_one(statement).await?;
        Ok(is_taken)
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

    /// Activates an account. Returns `false` if there is no such user.
    pub(crate) async fn activate_by_operator(
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
        new_email: &EmailAddress,
        now: Timestamp,
        notice: &NewEmail,
        event: &NewEvent,
    ) -> Result<EmailChange, Error> {
        const SQL: &str = "
            UPDATE users SET email = $2, email_verified = TRUE
            WHERE id = $1 AND NOT EXISTS (
                SELECT 1 FROM users WHERE email_key IN ($3, $4, $5) AND id <> $1
            )";
        let mut transaction = database.begin().await?;
        lock(&mut transaction, user_id).await?;
        let purpose = LinkPurpose::EmailChange;
        if !email_tokens::use_up(&mut transaction, purpose, link_hash, now).await? {
            return Ok(EmailChange::LinkInvalid);
        }
        let [former, current, shown] = new_email.keys();
        let statement = Statement::new(SQL)
            .bind(user_id)
            .bind(new_email.as_str())
            .bind(former)
            .bind(current)
            .bind(shown);
        // Another account may take the address at the same moment. Then the unique index decides.
        if transaction.execute_unless_duplicate(statement).await? == 0 {
            return Ok(EmailChange::Taken);
        }
        email_tokens::invalidate_all(&mut transaction, user_id).await?;
        outbox::enqueue(&mut transaction, notice).await?;
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
