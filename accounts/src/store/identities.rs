//! The table `identities`: accounts at providers that users sign in with. Issuer and subject name such an
//! account for good; its email address may be somebody else's tomorrow, and decides nothing once it is linked.

use sqlx::FromRow;

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        email_tokens::key_of,
        outbox::{self, NewEmail},
        sessions,
        sign_in_ways::SignInWays,
        statement::Statement,
        transaction::Transaction,
        users,
    },
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

/// What must hold of the user whom an account is linked to, when that happens.
pub(crate) enum LinkedBy<'a> {
    /// This session of the user is alive.
    Session(Id),
    /// This is the user's verified email address, in lower case.
    VerifiedAddress(&'a str),
}

/// The result of linking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    Done,
    /// It is linked to this user already.
    Already,
    /// It is linked to another user.
    Elsewhere,
    /// The user has linked another account of the same issuer.
    Another,
    /// What had to hold does not.
    Changed,
}

/// An account to be linked to a user who exists.
pub(crate) struct LinkIdentity<'a> {
    pub user_id: Id,
    pub by: LinkedBy<'a>,
    pub new: &'a NewIdentity,
    pub event: &'a NewEvent,
    pub notice: Option<&'a NewEmail>,
}

impl LinkIdentity<'_> {
    /// Links it. The unique indexes decide between concurrent ones.
    pub async fn make(&self, database: &Database) -> Result<Linked, Error> {
        let mut transaction = database.begin().await?;
        let Some(user) = users::lock_user(&mut transaction, self.user_id).await? else {
            return Ok(Linked::Changed);
        };
        let holds = match self.by {
            LinkedBy::Session(id) => {
                let now = self.new.now;
                let is_live = sessions::is_live(&mut transaction, user.id, id, now).await?;
                is_live && user.is_active && user.email_verified
            }
            LinkedBy::VerifiedAddress(address) => {
                user.email_verified && key_of(&user.email) == address
            }
        };
        if !holds {
            return Ok(Linked::Changed);
        }
        if !insert(&mut transaction, user.id, self.new).await? {
            let owner = owner(&mut transaction, self.new).await?;
            return Ok(match owner {
                Some(owner) if owner == user.id => Linked::Already,
                Some(_) => Linked::Elsewhere,
                None => Linked::Another,
            });
        }
        audit_events::record(&mut transaction, self.event).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        transaction.commit().await?;
        Ok(Linked::Done)
    }
}

/// The result of unlinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlinked {
    Done,
    /// The user has no such identity.
    Missing,
    /// It is the last way to sign in.
    IsLast,
}

/// An identity to be unlinked.
pub(crate) struct UnlinkIdentity<'a> {
    pub user_id: Id,
    pub id: Id,
    /// The session that continues. Others that have begun with an account at a provider end.
    pub session_id: Id,
    pub event: &'a NewEvent,
    pub notice: Option<&'a NewEmail>,
}

impl UnlinkIdentity<'_> {
    /// Unlinks it, unless the user could not sign in any more. The user's row is locked, so that of two
    /// concurrent ones, the second sees what the first has left.
    pub async fn make(&self, database: &Database) -> Result<Unlinked, Error> {
        const DELETE: &str = "DELETE FROM identities WHERE id = $1 AND user_id = $2";
        let mut transaction = database.begin().await?;
        if users::lock(&mut transaction, self.user_id).await?.is_none() {
            return Ok(Unlinked::Missing);
        }
        let statement = Statement::new(DELETE).bind(self.id).bind(self.user_id);
        if transaction.execute(statement).await? == 0 {
            return Ok(Unlinked::Missing);
        }
        let ways = SignInWays::of_locked(&mut transaction, self.user_id).await?;
        if ways.is_none() {
            return Ok(Unlinked::IsLast);
        }
        sessions::end_federated(&mut transaction, self.user_id, self.session_id).await?;
        audit_events::record(&mut transaction, self.event).await?;
        if let Some(notice) = self.notice {
            outbox::enqueue(&mut transaction, notice).await?;
        }
        transaction.commit().await?;
        Ok(Unlinked::Done)
    }
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

async fn owner(transaction: &mut Transaction, new: &NewIdentity) -> Result<Option<Id>, Error> {
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
