//! The table `users`.

use languages::{Language, stated_language};
use smallvec::SmallVec;
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::{device_token::TokenOwner, jwt_secret::JwtSecret},
    email::address::EmailAddress,
    error::Error,
    id::Id,
    profile::{CachedMetadata, NewProfile, Roles},
    store::{
        administrators::{self, Guard},
        audit_events::{self, NewEvent},
        database::Database,
        deleted_accounts::DeletedAccount,
        email_limits,
        email_tokens::{self, Link, LinkPurpose, NewLink, key_of},
        identities::{self, NewIdentity},
        invitations,
        outbox::{self, NewEmail},
        registrations,
        statement::{Row, Statement},
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
    /// The user's name; empty if there is none.
    pub name: Box<str>,
    /// The user's roles.
    #[sqlx(try_from = "String")]
    pub roles: Roles,
    #[sqlx(try_from = "Option<String>")]
    pub(crate) metadata: CachedMetadata,
    /// Before which time, in seconds since 1970, tokens may have roles that were taken away.
    pub(crate) roles_since: i64,
}

/// A user to be created.
pub(crate) struct NewUser {
    pub id: Id,
    pub email: EmailAddress,
    pub password_hash: String,
    pub profile: NewProfile,
    pub is_admin: bool,
    pub email_verified: bool,
    pub jwt_secret: JwtSecret,
    pub date_joined: Timestamp,
    /// The language of the emails, if it is known.
    pub language: Option<Language>,
    pub event: NewEvent,
}

/// A user to be created, and its email.
pub(crate) struct NewAccount<'a> {
    pub user: NewUser,
    /// The link that verifies the email address, with the key of the limit on such emails.
    pub activation: Option<(NewLink, Vec<u8>)>,
    /// The emailed link that was used, and verifies the email address.
    pub proof: Option<(&'a Link, NewEvent)>,
    /// The hash of the invitation that is accepted, and the event that says who has sent it.
    pub invitation: Option<(&'a [u8], NewEvent)>,
    /// The account at a provider that the user signs in with.
    pub identity: Option<NewIdentity>,
    /// What must hold of the administrator who creates it, also after the password was hashed.
    pub guard: Guard,
}

const SELECT_USER: &str = concat!("SELECT ", user_columns!("id"), " FROM users WHERE id = $1");

/// The columns of a locked user that changes depend on.
#[derive(FromRow)]
pub(crate) struct LockedUser {
    pub email: Box<str>,
    pub email_verified: bool,
    pub is_admin: bool,
    pub otp_enabled: bool,
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
    const SELECT: &str =
        "SELECT email, email_verified, is_admin, otp_enabled FROM users WHERE id = $1";
    const LOCK: &str = "
        SELECT email, email_verified, is_admin, otp_enabled FROM users WHERE id = $1 FOR NO KEY UPDATE";
    fetch_locked(transaction, user_id, SELECT, LOCK).await
}

/// Reads a user, and locks the row against changes until the end of the transaction. Other
/// transactions can hold this lock at the same time, so that a user's devices don't wait for each
/// other.
pub(crate) async fn lock_shared(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<Option<User>, Error> {
    const LOCK: &str = concat!(
        "SELECT ",
        user_columns!("id"),
        " FROM users WHERE id = $1 FOR SHARE"
    );
    fetch_locked(transaction, user_id, SELECT_USER, LOCK).await
}

/// Reads a user with `lock`, or with `select` where the transaction is the only writer.
async fn fetch_locked<T: Row>(
    transaction: &mut Transaction,
    user_id: Id,
    select: &'static str,
    lock: &'static str,
) -> Result<Option<T>, Error> {
    let sql = if transaction.is_only_writer() {
        select
    } else {
        lock
    };
    transaction
        .fetch_optional(Statement::new(sql).bind(user_id))
        .await
}

/// Locks a user's row, and returns it. Returns `None` if the user was deleted or signed out everywhere
/// since `user` was read.
pub(crate) async fn lock_unchanged(
    transaction: &mut Transaction,
    user: &User,
) -> Result<Option<User>, Error> {
    let locked = lock_user(transaction, user.id).await?;
    Ok(locked.filter(|locked| locked.jwt_secret == user.jwt_secret))
}

/// Locks a user's row as [`lock`] does, and returns all of it.
pub(crate) async fn lock_user(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<Option<User>, Error> {
    const LOCK: &str = concat!(
        "SELECT ",
        user_columns!("id"),
        " FROM users WHERE id = $1 FOR NO KEY UPDATE"
    );
    fetch_locked(transaction, user_id, SELECT_USER, LOCK).await
}

/// Records that a user has signed in now, with the language that the client has stated. Call it with the user's row
/// locked.
pub(crate) async fn record_login(
    transaction: &mut Transaction,
    user_id: Id,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        UPDATE users SET last_login = $2, language = COALESCE($3, language) WHERE id = $1";
    let statement = Statement::new(SQL)
        .bind(user_id)
        .bind(now)
        .bind(stated_language().map(Language::code));
    transaction.execute(statement).await.map(drop)
}

/// What a sign-in needs to know about a user.
#[derive(FromRow)]
pub(crate) struct Credentials {
    pub id: Id,
    pub password_hash: String,
    pub is_active: bool,
    device_key: Option<Id>,
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
        .bind(email.formerly_stored())
}

impl Credentials {
    /// Finds a user by email address, ignoring case.
    pub async fn find(database: &Database, email: &EmailAddress) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, password_hash, is_active, device_key FROM users
            WHERE email_key IN ($1, $2, $3)
            ORDER BY email = $4 DESC, email_key = $1 DESC, email_key = $2 DESC, date_joined LIMIT 1";
        database.fetch_optional(by_email(SQL, email)).await
    }

    /// What the device tokens of the account are bound to.
    pub fn token_owner(&self) -> TokenOwner {
        TokenOwner {
            user_id: self.id,
            device_key: self.device_key,
        }
    }

    /// What the device tokens of a user are bound to; `None` if there is no such user.
    pub async fn token_owner_of(
        database: &Database,
        user_id: Id,
    ) -> Result<Option<TokenOwner>, Error> {
        const SQL: &str = "SELECT device_key FROM users WHERE id = $1";
        let row = database.fetch_optional(Statement::new(SQL).bind(user_id));
        let row: Option<(Option<Id>,)> = row.await?;
        Ok(row.map(|(device_key,)| TokenOwner {
            user_id,
            device_key,
        }))
    }

    /// What the device tokens of an account are bound to as of a transaction.
    pub async fn token_owner_in(
        transaction: &mut Transaction,
        user_id: Id,
    ) -> Result<TokenOwner, Error> {
        const SQL: &str = "SELECT device_key FROM users WHERE id = $1";
        let statement = Statement::new(SQL).bind(user_id);
        let (device_key,) = transaction.fetch_one(statement).await?;
        Ok(TokenOwner {
            user_id,
            device_key,
        })
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
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!("id"),
            " FROM users WHERE email_key IN ($1, $2, $3)
            ORDER BY email = $4 DESC, email_key = $1 DESC, email_key = $2 DESC, date_joined LIMIT 1"
        );
        database.fetch_optional(by_email(SQL, email)).await
    }

    /// Finds a user by id.
    pub(crate) async fn find(database: &Database, user_id: Id) -> Result<Option<Self>, Error> {
        let statement = Statement::new(SELECT_USER).bind(user_id);
        database.fetch_optional(statement).await
    }

    /// Finds a user by id, with up to `limit` live sessions, the last used ones first.
    pub(crate) async fn find_with_sessions(
        database: &Database,
        user_id: Id,
        now: Timestamp,
        limit: usize,
    ) -> Result<Option<(Self, SmallVec<[Id; 1]>)>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            user_columns!("users.id"),
            ", sessions.id AS session_id
            FROM users LEFT JOIN sessions ON user_id = users.id AND expires_at > $2
            WHERE users.id = $1 ORDER BY last_used_at DESC LIMIT $3"
        );
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

    /// Adds a user, and removes the registrations that wait for the same email address. Returns `None`
    /// if the address is taken or reserved, or the link, invitation or identity was used up in the meantime.
    pub(crate) async fn insert(
        database: &Database,
        new: &NewAccount<'_>,
    ) -> Result<Option<Self>, Error> {
        let now = new.user.date_joined;
        let mut transaction = database.begin().await?;
        new.guard
            .check(&mut transaction, new.user.id, false)
            .await?;
        // The next lock that it takes: of two concurrent ones, the second waits here.
        let Some(user) = new.user.insert(&mut transaction).await? else {
            return Ok(None);
        };
        if email_tokens::is_reserved(&mut transaction, &user.email, user.id, now).await? {
            return Ok(None);
        }
        audit_events::record(&mut transaction, &new.user.event).await?;
        if let Some((hash, event)) = &new.invitation {
            if !invitations::use_up(&mut transaction, hash, now).await? {
                return Ok(None);
            }
            audit_events::record(&mut transaction, event).await?;
        }
        if let Some(identity) = &new.identity
            && !identities::insert(&mut transaction, user.id, identity).await?
        {
            return Ok(None);
        }
        if let Some((link, event)) = &new.proof {
            if !email_tokens::use_up(&mut transaction, &link.hash, now).await? {
                return Ok(None);
            }
            email_tokens::assign(&mut transaction, link, user.id).await?;
            let purpose = link.purpose().unwrap_or(LinkPurpose::Activation);
            for purpose in [LinkPurpose::Activation, purpose] {
                email_tokens::use_up_all(&mut transaction, user.id, purpose, now).await?;
            }
            audit_events::record(&mut transaction, event).await?;
        }
        registrations::remove_all(&mut transaction, &key_of(&user.email)).await?;
        if let Some((link, limit)) = &new.activation
            && email_limits::grant(&mut transaction, limit, now).await?
        {
            email_tokens::issue(&mut transaction, link).await?;
        }
        transaction.commit().await?;
        Ok(Some(user))
    }

    /// Checks whether an account has this email address, or may get it back.
    pub(crate) async fn email_is_taken(
        database: &Database,
        email: &EmailAddress,
        except: Option<Id>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            SELECT EXISTS (
                SELECT 1 FROM users
                WHERE email_key IN ($1, $2, $3) AND ($5 IS NULL OR id <> $5)
            ) OR EXISTS (
                SELECT 1 FROM mailed_tokens
                WHERE address = $4 AND purpose = 'undo' AND used_at IS NULL AND expires_at > $6
                    AND ($5 IS NULL OR user_id <> $5)
            )";
        let [former, current, shown] = email.keys();
        let statement = Statement::new(SQL)
            .bind(former)
            .bind(current)
            .bind(shown)
            .bind(email.to_lowercase())
            .bind(except)
            .bind(now);
        let (is_taken,) = database.fetch_one(statement).await?;
        Ok(is_taken)
    }

    /// Uses up a link: the email address that it was sent to is verified. Returns `false` if the link
    /// no longer works.
    pub(crate) async fn verify_email(
        database: &Database,
        user_id: Id,
        link: &Link,
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        let mut transaction = database.begin().await?;
        let locked = lock(&mut transaction, user_id).await?;
        if locked.is_none_or(|locked| key_of(&locked.email) != key_of(&link.email))
            || !email_tokens::use_up(&mut transaction, &link.hash, now).await?
        {
            return Ok(false);
        }
        set_verified(&mut transaction, user_id, now).await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Verifies the email address of a user for an operator. Returns `false` if there is no such user.
    pub(crate) async fn verify_by_operator(
        database: &Database,
        user_id: Id,
        now: Timestamp,
        event: &NewEvent,
    ) -> Result<bool, Error> {
        let mut transaction = database.begin().await?;
        if lock(&mut transaction, user_id).await?.is_none() {
            return Ok(false);
        }
        set_verified(&mut transaction, user_id, now).await?;
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
        const SQL: &str = "UPDATE users SET is_active = TRUE WHERE id = $1";
        let mut transaction = database.begin().await?;
        let changed = transaction
            .execute(Statement::new(SQL).bind(user_id))
            .await?;
        audit_events::record(&mut transaction, event).await?;
        transaction.commit().await?;
        Ok(changed == 1)
    }

    /// Whether there is an administrator, active or not.
    pub(crate) async fn has_administrator(database: &Database) -> Result<bool, Error> {
        const SQL: &str = "
            SELECT count(*) FROM (SELECT 1 FROM users WHERE is_admin LIMIT 1) AS found";
        let (count,): (i64,) = database.fetch_one(Statement::new(SQL)).await?;
        Ok(count > 0)
    }

    /// Deletes a user whose email address is unverified and whose account the owner of the address rejects,
    /// and records that. Returns `false` if the link no longer works. The last administrator is not deleted.
    pub(crate) async fn delete_rejected(
        database: &Database,
        user_id: Id,
        link_hash: &[u8],
        deletion: &DeletedAccount,
    ) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 AND NOT email_verified";
        let mut transaction = database.begin().await?;
        administrators::keep_one_besides(&mut transaction, user_id).await?;
        lock(&mut transaction, user_id).await?;
        if !email_tokens::detach(&mut transaction, link_hash, deletion.at).await? {
            return Ok(false);
        }
        let statement = Statement::new(SQL).bind(user_id);
        if transaction.execute(statement).await? == 0 {
            return Ok(false);
        }
        deletion.record(&mut transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes the user and all its rows, records that, and sends the notice. Returns `false` if its
    /// secret has changed in the meantime. The last administrator is not deleted.
    pub(crate) async fn delete(
        &self,
        database: &Database,
        notice: Option<&NewEmail>,
        deletion: &DeletedAccount,
    ) -> Result<bool, Error> {
        const SQL: &str = "
            DELETE FROM users WHERE id = $1 AND jwt_secret = $2 AND is_admin = $3
            RETURNING language";
        let mut transaction = database.begin().await?;
        if self.is_admin {
            administrators::keep_one_besides(&mut transaction, self.id).await?;
        }
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(&self.jwt_secret)
            .bind(self.is_admin);
        let deleted: Option<(Option<String>,)> = transaction.fetch_optional(statement).await?;
        let Some((language,)) = deleted else {
            return Ok(false);
        };
        deletion.record(&mut transaction).await?;
        if let Some(notice) = notice {
            outbox::enqueue_in(&mut transaction, notice, language.as_deref()).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }
}

impl NewUser {
    /// Adds the row. Returns `None` if the email address is taken.
    async fn insert(&self, transaction: &mut Transaction) -> Result<Option<User>, Error> {
        const SQL: &str = concat!(
            "INSERT INTO users (id, email, password_hash, is_admin, email_verified, jwt_secret,
                date_joined, name, roles, metadata, app_metadata, language)
            SELECT $1, $2, $3, $4, $5, $6, $7, $11, $12, $13, $14, $15
            WHERE NOT EXISTS (SELECT 1 FROM users WHERE email_key IN ($8, $9, $10))
            ON CONFLICT DO NOTHING
            RETURNING ",
            user_columns!("id")
        );
        let [former, current, shown] = self.email.keys();
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.email.as_str())
            .bind(&self.password_hash)
            .bind(self.is_admin)
            .bind(self.email_verified)
            .bind(&self.jwt_secret)
            .bind(self.date_joined)
            .bind(former)
            .bind(current)
            .bind(shown)
            .bind(&self.profile.name)
            .bind(self.profile.roles.to_json())
            .bind(&self.profile.metadata)
            .bind(&self.profile.app_metadata)
            .bind(self.language.map(Language::code));
        transaction.fetch_optional(statement).await
    }
}

/// Notes that the email address of a user is verified. All links that do that are used up.
async fn set_verified(
    transaction: &mut Transaction,
    user_id: Id,
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "UPDATE users SET email_verified = TRUE WHERE id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await?;
    email_tokens::use_up_all(transaction, user_id, LinkPurpose::Activation, now).await
}
