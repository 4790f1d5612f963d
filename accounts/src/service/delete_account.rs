//! Deletes an account.

use super::{accounts::Accounts, caller::Authorized};
use crate::error::Error;

impl Accounts {
    /// Deletes the caller's account and everything it owns.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `TokenInvalid` when the user has signed
    /// out everywhere or was deleted in the meantime; `Throttled`; `Overloaded`.
    pub async fn delete_user(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        self.confirm_password(caller, current_password).await?;
        let deleted = caller.user().delete(&self.0.database).await;
        self.invalidate(caller.user().id);
        if deleted? {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }
}
