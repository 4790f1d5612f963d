//! Signing out.

use super::{Accounts, Authorized, Identified};
use crate::{Error, Session, store::audit_events::Event, store::users::Rekey};

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
    /// `TokenInvalid` when the caller was signed out meanwhile.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        let change = Rekey {
            // One token signs everybody out once, however often it is sent: no crowd of these
            // changes the same row for seconds.
            expected_secret: Some(&caller.user().jwt_secret),
            ..self.new_rekey(self.event_by(Event::SignedOutEverywhere, caller))
        };
        let changed = self.rekey(&change).await?;
        changed.map(drop).ok_or(Error::TokenInvalid)
    }
}
