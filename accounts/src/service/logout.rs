//! Signing out.

use super::{Accounts, Authorized, Identified};
use crate::{Error, Session, audit::Event};

impl Accounts {
    /// Ends the caller's session: its tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, caller: &Identified) -> Result<(), Error> {
        // A session that was ended meanwhile is as good as one ended now.
        let (database, user_id) = (&self.0.database, caller.user().id);
        let event = self.event_by(Event::SignedOut, caller);
        let ended = Session::end(database, user_id, caller.session_id, &event).await;
        self.forget(user_id);
        ended.map(drop)
    }

    /// Ends every session of the caller: all tokens are void from now on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        // An account that was deleted meanwhile has no sessions either.
        let event = self.event_by(Event::SignedOutEverywhere, caller);
        self.rekey(&self.rekeying(event)).await.map(drop)
    }
}
