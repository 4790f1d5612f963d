//! Signing out.

use super::{Accounts, Authorized};
use crate::{Error, Session, User, secret::JwtSecret};

impl Accounts {
    /// Ends the caller's session: its tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, caller: &Authorized) -> Result<(), Error> {
        // A session that was ended meanwhile is as good as one ended now.
        Session::end(&self.0.database, caller.user.id, caller.session_id).await?;
        Ok(())
    }

    /// Ends every session of the caller: all tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        let new_secret = JwtSecret::new(self.random());
        User::sign_out_everywhere(&self.0.database, caller.user.id, &new_secret).await
    }
}
