//! Signing out.

use super::{Accounts, Authorized, Identified};
use crate::{Error, Session};

impl Accounts {
    /// Ends the caller's session: its tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, caller: &Identified) -> Result<(), Error> {
        // A session that was ended meanwhile is as good as one ended now.
        let ended = Session::end(&self.0.database, caller.user.id, caller.session_id).await;
        self.forget(caller.user.id);
        ended.map(drop)
    }

    /// Ends every session of the caller: all tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        // An account that was deleted meanwhile has no sessions either.
        self.rekey(&self.rekeying(caller.user.id)).await.map(drop)
    }
}
