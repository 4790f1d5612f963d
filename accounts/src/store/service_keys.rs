//! The table `service_keys`: keys with which other services call the API.

use std::{fmt, str::FromStr};

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    crypto::service_key::KeyHash,
    error::Error,
    id::Id,
    store::{administrators::ChangedBy, database::Database, statement::Statement},
};

/// How many keys there can be, so that a list of them is short.
const LIMIT: u32 = 1000;

/// What a service key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Checking tokens, and following revocations.
    TokensVerify,
    /// Reading users.
    UsersRead,
    /// Changing users.
    UsersWrite,
    /// Reading audit events.
    AuditRead,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [
        Self::TokensVerify,
        Self::UsersRead,
        Self::UsersWrite,
        Self::AuditRead,
    ];

    /// The name, such as `tokens:verify`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TokensVerify => "tokens:verify",
            Self::UsersRead => "users:read",
            Self::UsersWrite => "users:write",
            Self::AuditRead => "audit:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of a text that names no [`Scope`].
#[derive(Debug, thiserror::Error)]
#[error("a scope is one of tokens:verify, users:read, users:write and audit:read")]
pub struct InvalidScope;

impl FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|scope| scope.as_str() == name);
        found.ok_or(InvalidScope)
    }
}

/// A service key, without its secret.
#[derive(Clone, Debug, FromRow)]
pub struct ServiceKey {
    /// The key's id, which is part of it.
    pub id: Id,
    /// What the key is for, in the words of its creator.
    pub name: String,
    /// The names of its scopes, separated by spaces.
    pub scopes: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// From when on it is no longer accepted.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to a few minutes.
    pub last_used_at: Option<Timestamp>,
    pub(crate) hash: Vec<u8>,
}

/// A key that is to be created.
pub(crate) struct NewServiceKey<'a> {
    pub id: Id,
    pub hash: KeyHash,
    pub name: &'a str,
    pub scopes: &'a [Scope],
    pub now: Timestamp,
    pub expires_at: Option<Timestamp>,
}

impl NewServiceKey<'_> {
    /// Adds the key. Returns `false` if there are too many already. Concurrent additions may exceed the
    /// limit by their number, which harms nobody.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn insert(&self, database: &Database, by: &ChangedBy) -> Result<bool, Error> {
        const SQL: &str = "
            INSERT INTO service_keys (id, name, hash, scopes, created_at, expires_at)
            SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM service_keys) < $7";
        let scopes: Vec<_> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let statement = Statement::new(SQL)
            .bind(self.id)
            .bind(self.name)
            .bind(&self.hash[..])
            .bind(scopes.join(" "))
            .bind(self.now)
            .bind(self.expires_at)
            .bind(LIMIT);
        let mut transaction = by.begin(database).await?;
        if transaction.execute(statement).await? == 0 {
            return Ok(false);
        }
        by.commit(transaction).await?;
        Ok(true)
    }
}

impl ServiceKey {
    /// Finds a key by its id.
    pub(crate) async fn find(database: &Database, id: Id) -> Result<Option<Self>, Error> {
        const SQL: &str = "
            SELECT id, name, scopes, created_at, expires_at, last_used_at, hash
            FROM service_keys WHERE id = $1";
        database.fetch_optional(Statement::new(SQL).bind(id)).await
    }

    /// Returns all keys, oldest first.
    pub(crate) async fn list(database: &Database) -> Result<Vec<Self>, Error> {
        const SQL: &str = "
            SELECT id, name, scopes, created_at, expires_at, last_used_at, hash
            FROM service_keys ORDER BY created_at, id LIMIT $1";
        // A few more than the limit, which concurrent additions may have exceeded.
        database
            .fetch_all(Statement::new(SQL).bind(2 * LIMIT))
            .await
    }

    /// Deletes a key. Returns `false` if there is none with this id.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub(crate) async fn delete(database: &Database, id: Id, by: &ChangedBy) -> Result<bool, Error> {
        const SQL: &str = "DELETE FROM service_keys WHERE id = $1";
        let mut transaction = by.begin(database).await?;
        if transaction.execute(Statement::new(SQL).bind(id)).await? == 0 {
            return Ok(false);
        }
        by.commit(transaction).await?;
        Ok(true)
    }

    /// Writes down that a key was used.
    pub(crate) async fn record_use(
        database: &Database,
        id: Id,
        now: Timestamp,
    ) -> Result<(), Error> {
        const SQL: &str = "UPDATE service_keys SET last_used_at = $2 WHERE id = $1";
        let statement = Statement::new(SQL).bind(id).bind(now);
        database.execute(statement).await.map(drop)
    }

    /// Whether the key allows this.
    #[must_use]
    pub fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.split(' ').any(|name| name == scope.as_str())
    }

    /// Whether the key is no longer accepted.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}
