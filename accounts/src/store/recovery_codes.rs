//! The table `recovery_codes`: hashes of the codes that replace a lost authenticator app.

use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement, transaction::Transaction},
};

/// The recovery codes that a user has left.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryCodesLeft {
    /// The number of codes.
    pub left: i64,
    /// When they were created; `None` if there are none, or an earlier version has created them.
    pub created_at: Option<Timestamp>,
}

impl RecoveryCodesLeft {
    /// Counts the codes of a user.
    pub(crate) async fn of_user(database: &Database, user_id: Id) -> Result<Self, Error> {
        const SQL: &str = "
            SELECT count(*), min(created_at) FROM recovery_codes WHERE user_id = $1";
        let statement = Statement::new(SQL).bind(user_id);
        let (left, created_at) = database.fetch_one(statement).await?;
        Ok(Self { left, created_at })
    }
}

/// Replaces all recovery codes of a user.
pub(crate) async fn replace(
    transaction: &mut Transaction,
    user_id: Id,
    hashes: &[Vec<u8>],
    now: Timestamp,
) -> Result<(), Error> {
    const SQL: &str = "
        INSERT INTO recovery_codes (user_id, hash, created_at) VALUES ($1, $2, $3)";
    delete(transaction, user_id).await?;
    for hash in hashes {
        let statement = Statement::new(SQL).bind(user_id).bind(hash).bind(now);
        transaction.execute(statement).await?;
    }
    Ok(())
}

/// Deletes all recovery codes of a user.
pub(crate) async fn delete(transaction: &mut Transaction, user_id: Id) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM recovery_codes WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    transaction.execute(statement).await.map(drop)
}

/// Uses up a recovery code. Returns `false` if the user does not have it.
pub(crate) async fn use_up(
    transaction: &mut Transaction,
    user_id: Id,
    hash: &[u8],
) -> Result<bool, Error> {
    const SQL: &str = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    let statement = Statement::new(SQL).bind(user_id).bind(hash);
    Ok(transaction.execute(statement).await? == 1)
}

/// Returns the number of codes that a user has left.
pub(crate) async fn count(transaction: &mut Transaction, user_id: Id) -> Result<usize, Error> {
    const SQL: &str = "SELECT count(*) FROM recovery_codes WHERE user_id = $1";
    let statement = Statement::new(SQL).bind(user_id);
    let (count,): (i64,) = transaction.fetch_one(statement).await?;
    Ok(usize::try_from(count).unwrap_or_default())
}
