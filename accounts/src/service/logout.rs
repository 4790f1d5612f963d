//! Signing out.

use super::{Accounts, Authorized, Identified};
use crate::{Error, Session, User};

impl Accounts {
    /// Ends the caller's session: its tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, caller: &Identified) -> Result<(), Error> {
        // A session that was ended meanwhile is as good as one ended now.
        Session::end(&self.0.database, caller.user.id, caller.session_id).await?;
        Ok(())
    }

    /// Ends every session of the caller: all tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        // An account that was deleted meanwhile has no sessions either.
        User::rekey(&self.0.database, &self.rekeying(caller.user.id)).await?;
        Ok(())
    }
}
