//! The table `identities`: accounts at providers that users sign in with. Issuer and subject name such an
//! account for good; its email address may be somebody else's tomorrow, and decides nothing once it is linked.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// An account at a provider that a user signs in with.
#[derive(Clone, Debug, FromRow)]
pub struct Identity {
    /// Its id here.
    pub id: Id,
    /// The name of the provider in the settings.
    pub provider: String,
    /// The issuer.
    pub issuer: String,
    /// Its id at the issuer.
    pub subject: String,
    /// The email address that the provider named when it was linked.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it was linked or last used to sign in.
    pub last_used_at: Timestamp,
}

/// An account at a provider that is to be linked.
#[derive(Debug)]
pub(crate) struct NewIdentity {
    pub id: Id,
    pub provider: String,
    pub issuer: String,
    pub subject: String,
    pub email: Option<String>,
    pub now: Timestamp,
}

/// Returns the id and the user of an account at a provider that is linked.
pub(crate) async fn find(
    database: &Database,
    issuer: &str,
    subject: &str,
) -> Result<Option<(Id, Id)>, Error> {
    const SQL: &str = "SELECT id, user_id FROM identities WHERE issuer = $1 AND subject = $2";
    let statement = Statement::new(SQL).bind(issuer).bind(subject);
    database.fetch_optional(statement).await
}

/// Returns the identities of a user, the oldest first. There is one for each issuer at most.
pub(crate) async fn list(database: &Database, user_id: Id) -> Result<Vec<Identity>, Error> {
    const SQL: &str = "
        SELECT id, provider, issuer, subject, email, created_at, last_used_at FROM identities
        WHERE user_id = $1 ORDER BY created_at, id";
    database.fetch_all(Statement::new(SQL).bind(user_id)).await
}

/// Adds an identity. Returns `false` if it is linked already, or the user has another one of the issuer.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    user_id: Id,
    new: &NewIdentity,
) -> Result<bool, Error> {
    const SQL: &str = "
        INSERT INTO identities
            (id, user_id, provider, issuer, subject, email, created_at, last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
        ON CONFLICT DO NOTHING";
    let statement = Statement::new(SQL)
        .bind(new.id)
        .bind(user_id)
        .bind(&new.provider)
        .bind(&new.issuer)
        .bind(&new.subject)
        .bind(new.email.as_deref())
        .bind(new.now);
    Ok(transaction.execute(statement).await? == 1)
}

/// Returns whose an account at a provider is.
pub(crate) async fn owner(
    transaction: &mut Transaction,
    new: &NewIdentity,
) -> Result<Option<Id>, Error> {
    const SQL: &str = "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2";
    let statement = Statement::new(SQL).bind(&new.issuer).bind(&new.subject);
    let row: Option<(Id,)> = transaction.fetch_optional(statement).await?;
    Ok(row.map(|(id,)| id))
}

/// Notes that an identity signs in. Returns `false` if it is no longer linked.
pub(crate) async fn note_use(
    transaction: &mut Transaction,
    user_id: Id,
    id: Id,
    now: Timestamp,
) -> Result<bool, Error> {
    const SQL: &str = "UPDATE identities SET last_used_at = $3 WHERE id = $1 AND user_id = $2";
    let statement = Statement::new(SQL).bind(id).bind(user_id).bind(now);
    Ok(transaction.execute(statement).await? == 1)
}

/// Unlinks all identities of a user.
pub(crate) async fn remove_all(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM identities WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Unlinks the identities of a user that were linked after a time.
pub(crate) async fn remove_since(
    transaction: &mut Transaction,
    user_id: Id,
    since: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM identities WHERE user_id = $1 AND created_at >= $2";
    let statement = Statement::new(SQL).bind(user_id).bind(since);
    transaction.execute(statement).await.map(drop)
}
