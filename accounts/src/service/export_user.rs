//! Exports everything that is stored about the caller.

use super::{accounts::Accounts, caller::Authorized};
use crate::{error::Error, store::user_exports::UserExport};

impl Accounts {
    /// Returns everything that is stored about the caller, except what is secret.
    ///
    /// # Errors
    /// `TokenInvalid` if the user was deleted in the meantime; when the database fails.
    pub async fn export(&self, caller: &Authorized) -> Result<UserExport, Error> {
        let exported = UserExport::read(&self.0.database, caller.user().id, self.now()).await?;
        exported.ok_or(Error::TokenInvalid)
    }
}
