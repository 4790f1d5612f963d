//! The table `recovery_codes`: hashes of the codes that replace a lost authenticator app.

use crate::{
    error::Error,
    id::Id,
    store::{statement::Statement, transaction::Transaction},
};

/// Replaces all recovery codes of a user.
pub(crate) async fn replace(
    transaction: &mut Transaction,
    user_id: Id,
    hashes: &[Vec<u8>],
) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
    delete(transaction, user_id).await?;
    for hash in hashes {
        let statement = Statement::new(SQL).bind(user_id).bind(hash);
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
