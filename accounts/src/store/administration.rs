//! Users as administrators see and change them.

use std::ops::Deref;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use languages::tr_later;
use sha2::{Digest, Sha256};
use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::jwt_secret::JwtSecret,
    email::address::EmailAddress,
    error::Error,
    id::Id,
    profile::Roles,
    store::{
        administrators::Guard,
        audit_events::{self, NewEvent},
        database::Database,
        deleted_accounts::DeletedAccount,
        email_changes,
        email_tokens::{self, LinkPurpose},
        outbox::{self, NewEmail},
        second_factors, sessions, sign_in_codes,
        statement::Statement,
        transaction::Transaction,
        users::User,
    },
};

const CHANGED: &str = tr_later("The user was changed in the meantime. Load it again.");

/// A user with everything that administrators can see and change.
#[derive(Clone, Debug, FromRow)]
pub struct ManagedUser {
    /// The user's row.
    #[sqlx(flatten)]
    pub user: User,
    /// What the user has noted: a JSON object.
    #[sqlx(rename = "full_metadata")]
    pub metadata: String,
    /// What administrators have noted: a JSON object.
    pub app_metadata: String,
}

/// The columns of a [`ManagedUser`].
macro_rules! managed_user_columns {
    () => {
        concat!(
            user_columns!("users.id"),
            ", metadata AS full_metadata, app_metadata"
        )
    };
}
pub(crate) use managed_user_columns;

impl ManagedUser {
    /// Identifies the state of what can be changed: another state has another version.
    #[must_use]
    pub fn version(&self) -> String {
        let user = &self.user;
        let flags = [user.is_active, user.is_admin, user.email_verified];
        let roles = user.roles.to_json();
        let texts = [
            &*user.email,
            &user.name,
            &roles,
            &self.metadata,
            &self.app_metadata,
        ];
        version_of(flags, texts)
    }

    /// Returns the users whose email addresses follow `after`, sorted without case.
    pub(crate) async fn list(
        database: &Database,
        after: &str,
        limit: u32,
    ) -> Result<Vec<Self>, Error> {
        const SQL: &str = concat!(
            "SELECT ",
            managed_user_columns!(),
            " FROM users WHERE email_key >= $1 AND (email_key > $1 OR email > $2)
            ORDER BY email_key, email LIMIT $3"
        );
        let statement = Statement::new(SQL)
            .bind(after.to_ascii_lowercase())
            .bind(after)
            .bind(limit);
        database.fetch_all(statement).await
    }

    /// Finds a user by id.
    pub(crate) async fn find(database: &Database, id: Id) -> Result<Option<Self>, Error> {
        database.fetch_optional(Statement::new(FIND).bind(id)).await
    }

    /// Reads a user, and locks the row until the end of the transaction.
    async fn lock(transaction: &mut Transaction, id: Id) -> Result<Self, Error> {
        const LOCK: &str = concat!(
            "SELECT ",
            managed_user_columns!(),
            " FROM users WHERE id = $1 FOR NO KEY UPDATE"
        );
        let sql = if transaction.is_only_writer() {
            FIND
        } else {
            LOCK
        };
        let found = transaction.fetch_optional(Statement::new(sql).bind(id));
        found.await?.ok_or(Error::NotFound)
    }
}

/// Identifies a state: whether the user is active, an administrator and verified; the email address, the name,
/// the roles and both objects, as they are stored.
pub(crate) fn version_of(flags: [bool; 3], texts: [&str; 5]) -> String {
    let mut hash = Sha256::new().chain_update(flags.map(u8::from));
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    BASE64_URL_SAFE_NO_PAD.encode(&hash.finalize()[..12])
}

impl Deref for ManagedUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

const FIND: &str = concat!(
    "SELECT ",
    managed_user_columns!(),
    " FROM users WHERE id = $1"
);

/// One of the changes that an administrator makes to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Email,
    Profile,
    Roles,
    Activated,
    Deactivated,
    AdminGranted,
    AdminRevoked,
}

/// Changes to a user by an administrator. What is `None` stays as it is.
pub(crate) struct UserUpdate<'a> {
    pub user_id: Id,
    pub guard: Guard,
    /// The version that the user must still have.
    pub version: Option<&'a str>,
    pub email: Option<&'a EmailAddress>,
    pub name: Option<&'a str>,
    pub roles: Option<&'a Roles>,
    /// Roles to add, and roles to take away.
    pub role_changes: Option<(&'a Roles, &'a Roles)>,
    pub is_active: Option<bool>,
    pub is_admin: Option<bool>,
    pub metadata: Option<&'a str>,
    pub app_metadata: Option<&'a str>,
    /// The secret of a user who is deactivated.
    pub new_secret: JwtSecret,
    pub now: Timestamp,
    /// Creates the event that records a change.
    pub event: &'a (dyn Fn(Change) -> NewEvent + Sync),
    /// Creates the email that notifies the former address of a user, if it is verified.
    pub notice: &'a (dyn Fn(&User) -> Result<Option<NewEmail>, Error> + Sync),
}

/// The result of changes to a user.
pub(crate) enum Updated {
    /// The user as it is now.
    Done(Box<ManagedUser>),
    /// Another account has the new email address, or may get it back.
    EmailTaken,
    /// The user would have too many roles.
    TooManyRoles(&'static str),
}

impl UserUpdate<'_> {
    /// Makes the changes.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied`; `Conflict` for another version, and for the last administrator.
    pub async fn apply(&self, database: &Database) -> Result<Updated, Error> {
        let mut transaction = database.begin().await?;
        let removes = self.is_active == Some(false) || self.is_admin == Some(false);
        let guard = self.guard;
        guard.check(&mut transaction, self.user_id, removes).await?;
        let before = ManagedUser::lock(&mut transaction, self.user_id).await?;
        if guard.spares_administrators && before.user.is_admin {
            return Err(Error::PermissionDenied);
        }
        if self
            .version
            .is_some_and(|version| version != before.version())
        {
            return Err(Error::Conflict(CHANGED));
        }
        let roles = match self.roles_after(&before.user.roles) {
            Ok(roles) => roles,
            Err(message) => return Ok(Updated::TooManyRoles(message)),
        };
        if let Some(email) = self.email
            && !self
                .change_email(&mut transaction, &before.user, email)
                .await?
        {
            return Ok(Updated::EmailTaken);
        }
        self.change_row(&mut transaction, &before, &roles).await?;
        if before.user.is_active && self.is_active == Some(false) {
            second_factors::forget_setup(&mut transaction, self.user_id).await?;
            email_tokens::invalidate_all(&mut transaction, self.user_id).await?;
            sign_in_codes::remove(&mut transaction, self.user_id).await?;
            sessions::end_all(&mut transaction, self.user_id, None).await?;
        }
        // Triggers may have changed the row, too.
        let found = transaction.fetch_optional(Statement::new(FIND).bind(self.user_id));
        let after: ManagedUser = found.await?.ok_or(Error::NotFound)?;
        for change in changes(&before, &after) {
            audit_events::record(&mut transaction, &(self.event)(change)).await?;
        }
        transaction.commit().await?;
        Ok(Updated::Done(Box::new(after)))
    }

    fn roles_after(&self, before: &Roles) -> Result<Roles, &'static str> {
        let roles = self.roles.unwrap_or(before);
        let Some((added, removed)) = self.role_changes else {
            return Ok(roles.clone());
        };
        let kept = roles.iter().filter(|role| !removed.contains(role));
        Roles::parse(kept.chain(added.iter()))
    }

    /// Sets the email address, for which the administrator vouches. Returns `false` if it is taken.
    async fn change_email(
        &self,
        transaction: &mut Transaction,
        before: &User,
        email: &EmailAddress,
    ) -> Result<bool, Error> {
        if *before.email == *email.as_str() {
            return Ok(true);
        }
        let (id, now) = (self.user_id, self.now);
        if !email_changes::set_email(transaction, id, email.as_str(), now).await? {
            return Ok(false);
        }
        for purpose in [LinkPurpose::EmailChange, LinkPurpose::Activation] {
            email_tokens::use_up_all(transaction, id, purpose, now).await?;
        }
        email_tokens::invalidate_all(transaction, id).await?;
        if let Some(notice) = (self.notice)(before)? {
            outbox::enqueue(transaction, &notice).await?;
        }
        Ok(true)
    }

    async fn change_row(
        &self,
        transaction: &mut Transaction,
        before: &ManagedUser,
        roles: &Roles,
    ) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE users SET name = $2, roles = $3, is_active = $4, is_admin = $5, metadata = $6,
                app_metadata = $7, jwt_secret = CASE WHEN is_active AND NOT $4 THEN $8 ELSE jwt_secret END
            WHERE id = $1";
        let user = &before.user;
        let statement = Statement::new(SQL)
            .bind(self.user_id)
            .bind(self.name.unwrap_or(&user.name))
            .bind(roles.to_json())
            .bind(self.is_active.unwrap_or(user.is_active))
            .bind(self.is_admin.unwrap_or(user.is_admin))
            .bind(self.metadata.unwrap_or(&before.metadata))
            .bind(self.app_metadata.unwrap_or(&before.app_metadata))
            .bind(&self.new_secret);
        transaction.execute(statement).await.map(drop)
    }
}

/// Returns what is different.
fn changes(before: &ManagedUser, after: &ManagedUser) -> Vec<Change> {
    let (old, new) = (&before.user, &after.user);
    let is_profile_changed = old.name != new.name
        || before.metadata != after.metadata
        || before.app_metadata != after.app_metadata;
    let changes = [
        (old.email != new.email, Change::Email),
        (is_profile_changed, Change::Profile),
        (old.roles != new.roles, Change::Roles),
        (!old.is_active && new.is_active, Change::Activated),
        (old.is_active && !new.is_active, Change::Deactivated),
        (!old.is_admin && new.is_admin, Change::AdminGranted),
        (old.is_admin && !new.is_admin, Change::AdminRevoked),
    ];
    let changes = changes.into_iter().filter(|(is_made, _)| *is_made);
    changes.map(|(_, change)| change).collect()
}

/// The deletion of a user by an administrator.
pub(crate) struct UserDeletion<'a> {
    /// The user as it was read.
    pub user: &'a User,
    pub guard: Guard,
    pub record: &'a DeletedAccount,
    pub notice: Option<&'a NewEmail>,
}

impl UserDeletion<'_> {
    /// Deletes the user and all its rows, records that, and sends the notice.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied`; `Conflict` for the last administrator, and if the user has another
    /// email address in the meantime.
    pub async fn apply(&self, database: &Database) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 RETURNING language";
        let (id, guard) = (self.user.id, self.guard);
        let mut transaction = database.begin().await?;
        guard.check(&mut transaction, id, true).await?;
        let present = ManagedUser::lock(&mut transaction, id).await?.user;
        if guard.spares_administrators && present.is_admin {
            return Err(Error::PermissionDenied);
        }
        if present.email != self.user.email {
            return Err(Error::Conflict(CHANGED));
        }
        let statement = Statement::new(SQL).bind(id);
        let (language,): (Option<String>,) = transaction.fetch_one(statement).await?;
        self.record.record(&mut transaction).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue_in(&mut transaction, notice, language.as_deref()).await?;
        }
        transaction.commit().await
    }
}
