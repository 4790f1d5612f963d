//! The same change to many users, in one transaction.

use std::collections::BTreeMap;

use crate::{
    crypto::jwt_secret::JwtSecret,
    error::Error,
    id::Id,
    store::{
        administrators::{self, Guard},
        audit_events::{self, NewEvent},
        database::Database,
        deleted_accounts::DeletedAccount,
        email_tokens,
        outbox::{self, NewEmail},
        second_factors, sessions, sign_in_codes,
        statement::Statement,
        transaction::Transaction,
        users::{self, User},
    },
};

/// What happens to each of the users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkAction {
    Activate,
    Deactivate,
    SignOut,
    Delete,
}

/// What became of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkStatus {
    /// The change was made, or was made before.
    Ok,
    /// There is no such user.
    NotFound,
    /// The user is the last administrator, or an administrator whom a service can't change.
    Conflict,
}

/// A change to many users.
pub(crate) struct BulkChange<'a> {
    pub action: BulkAction,
    pub guard: Guard,
    /// Creates a secret for a user whose tokens are revoked.
    pub new_secret: &'a (dyn Fn() -> JwtSecret + Sync),
    /// Creates the event that records the change.
    pub event: &'a (dyn Fn(Id) -> NewEvent + Sync),
    /// Creates the record of a deletion, and the email about it.
    pub deletion: &'a DescribeDeletion<'a>,
}

/// Returns what is recorded of a user's deletion, and the email about it.
type DescribeDeletion<'a> =
    dyn Fn(&User) -> Result<(DeletedAccount, Option<NewEmail>), Error> + Sync + 'a;

impl BulkChange<'_> {
    /// Makes the change to each of the users. They are locked in the order of their ids, after the
    /// administrators, so that two such transactions don't deadlock.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn apply(
        &self,
        database: &Database,
        ids: &[Id],
    ) -> Result<BTreeMap<[u8; 16], BulkStatus>, Error> {
        let sorted: BTreeMap<[u8; 16], Id> = ids.iter().map(|id| (*id.as_bytes(), *id)).collect();
        let mut transaction = database.begin().await?;
        let administrators = administrators::lock_all(&mut transaction).await?;
        self.guard.check_administrator(&administrators)?;
        let mut statuses = BTreeMap::new();
        for (key, id) in sorted {
            let status = match self.apply_to(&mut transaction, id).await {
                Ok(()) => BulkStatus::Ok,
                Err(Error::NotFound) => BulkStatus::NotFound,
                // Nothing was written yet.
                Err(Error::Conflict(_)) => BulkStatus::Conflict,
                Err(error) => return Err(error),
            };
            statuses.insert(key, status);
        }
        transaction.commit().await?;
        Ok(statuses)
    }

    async fn apply_to(&self, transaction: &mut Transaction, id: Id) -> Result<(), Error> {
        const SERVICE: &str = "A service can't change administrators.";
        let locked = users::lock_user(transaction, id).await?;
        let user = locked.ok_or(Error::NotFound)?;
        if self.guard.spares_administrators && user.is_admin {
            return Err(Error::Conflict(SERVICE));
        }
        let removes = matches!(self.action, BulkAction::Deactivate | BulkAction::Delete);
        if removes && user.is_admin {
            administrators::keep_one_besides(transaction, id).await?;
        }
        match self.action {
            BulkAction::Activate if !user.is_active => {
                const SQL: &str = "UPDATE users SET is_active = TRUE WHERE id = $1";
                transaction.execute(Statement::new(SQL).bind(id)).await?;
            }
            BulkAction::Deactivate if user.is_active => {
                self.end_sessions(transaction, id, true).await?;
                email_tokens::invalidate_all(transaction, id).await?;
                sign_in_codes::remove(transaction, id).await?;
            }
            BulkAction::SignOut => self.end_sessions(transaction, id, false).await?,
            BulkAction::Delete => return self.delete(transaction, &user).await,
            // Nothing changes.
            BulkAction::Activate | BulkAction::Deactivate => return Ok(()),
        }
        audit_events::record(transaction, &(self.event)(id)).await
    }

    async fn end_sessions(
        &self,
        transaction: &mut Transaction,
        id: Id,
        deactivates: bool,
    ) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE users SET jwt_secret = $2, is_active = is_active AND NOT $3 WHERE id = $1";
        let secret = (self.new_secret)();
        let statement = Statement::new(SQL).bind(id).bind(&secret).bind(deactivates);
        transaction.execute(statement).await?;
        second_factors::forget_setup(transaction, id).await?;
        sessions::end_all(transaction, id, None).await
    }

    async fn delete(&self, transaction: &mut Transaction, user: &User) -> Result<(), Error> {
        const SQL: &str = "DELETE FROM users WHERE id = $1 RETURNING language";
        let (record, notice) = (self.deletion)(user)?;
        let statement = Statement::new(SQL).bind(user.id);
        let (language,): (Option<String>,) = transaction.fetch_one(statement).await?;
        record.record(transaction).await?;
        match &notice {
            Some(notice) => outbox::enqueue_in(transaction, notice, language.as_deref()).await,
            None => Ok(()),
        }
    }
}
