//! Administrators: active users with `is_admin`. Nothing that is done over the API takes away the last one.

use languages::tr_later;

use crate::{
    error::Error,
    id::Id,
    store::{
        audit_events::{self, NewEvent},
        database::Database,
        statement::Statement,
        transaction::Transaction,
    },
};

const LAST_ADMINISTRATOR: &str =
    tr_later("This is the last administrator. Make another user one first.");

/// What must hold at the moment of a change by an administrator or a service key.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Guard {
    /// This user must be an administrator.
    pub administrator: Option<Id>,
    /// The changed user must not be one.
    pub spares_administrators: bool,
}

impl Guard {
    /// Checks the guard for a user to be changed, before that user's row is locked. If the change makes the
    /// user no longer an administrator, another one must be left.
    ///
    /// # Errors
    /// `PermissionDenied`; `Conflict` for the last administrator.
    pub async fn check(
        self,
        transaction: &mut Transaction,
        user_id: Id,
        removes: bool,
    ) -> Result<(), Error> {
        if self.administrator.is_none() && !removes {
            return Ok(());
        }
        let administrators = lock_all(transaction).await?;
        self.check_administrator(&administrators)?;
        if removes && administrators == [user_id] {
            return Err(Error::Conflict(LAST_ADMINISTRATOR));
        }
        Ok(())
    }

    /// Checks that the administrator who makes the change is among these.
    ///
    /// # Errors
    /// `PermissionDenied`.
    pub fn check_administrator(self, administrators: &[Id]) -> Result<(), Error> {
        match self.administrator {
            Some(administrator) if !administrators.contains(&administrator) => {
                Err(Error::PermissionDenied)
            }
            _ => Ok(()),
        }
    }
}

/// Who changes what belongs to no user: what must hold in the transaction of the change, and the event that
/// records it. An operator is held to nothing.
#[derive(Default)]
pub(crate) struct ChangedBy {
    pub guard: Guard,
    pub event: Option<NewEvent>,
}

impl ChangedBy {
    /// Begins a transaction in which the administrator stays one.
    ///
    /// # Errors
    /// `PermissionDenied` if the administrator is none any more.
    pub async fn begin(&self, database: &Database) -> Result<Transaction, Error> {
        let mut transaction = database.begin().await?;
        if self.guard.administrator.is_some() {
            let administrators = lock_all(&mut transaction).await?;
            self.guard.check_administrator(&administrators)?;
        }
        Ok(transaction)
    }

    /// Records the event, and commits the change.
    pub async fn commit(&self, mut transaction: Transaction) -> Result<(), Error> {
        if let Some(event) = &self.event {
            audit_events::record(&mut transaction, event).await?;
        }
        transaction.commit().await
    }
}

/// Checks that there is another administrator, until the end of the transaction.
///
/// # Errors
/// `Conflict` if the user is the last one.
pub(crate) async fn keep_one_besides(
    transaction: &mut Transaction,
    user_id: Id,
) -> Result<(), Error> {
    Guard::default().check(transaction, user_id, true).await
}

/// Locks the rows of all administrators, and returns their ids. It comes before any other lock of a
/// transaction, and locks in the order of the ids: so two such transactions wait for one another, and the
/// second one sees what the first one has changed.
pub(crate) async fn lock_all(transaction: &mut Transaction) -> Result<Vec<Id>, Error> {
    const SELECT: &str = "SELECT id FROM users WHERE is_admin AND is_active ORDER BY id";
    const LOCK: &str = "
        SELECT id FROM users WHERE is_admin AND is_active ORDER BY id FOR NO KEY UPDATE";
    let sql = if transaction.is_only_writer() {
        SELECT
    } else {
        LOCK
    };
    let rows: Vec<(Id,)> = transaction.fetch_all(Statement::new(sql)).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
