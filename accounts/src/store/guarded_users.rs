//! What must hold before a user is changed by an administrator or a service.

use crate::{
    error::Error,
    id::Id,
    store::{administrators::Guard, transaction::Transaction, users},
};

/// Checks the guard for a user to be changed, and that a service changes no administrator. Then the user's row is
/// locked. If the change makes the user no longer an administrator, another one must be left.
///
/// # Errors
/// `PermissionDenied`; `Conflict` for the last administrator.
pub(crate) async fn check(
    transaction: &mut Transaction,
    guard: Guard,
    user_id: Id,
    removes: bool,
) -> Result<(), Error> {
    guard.check(transaction, user_id, removes).await?;
    if guard.spares_administrators {
        let locked = users::lock(transaction, user_id).await?;
        if locked.is_some_and(|locked| locked.is_admin) {
            return Err(Error::PermissionDenied);
        }
    }
    Ok(())
}
