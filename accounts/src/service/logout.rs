//! Signs out.

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller},
};
use crate::{
    error::Error,
    store::{audit_events::Event, rekey::Rekey, sessions::Session},
};

impl Accounts {
    /// Ends the caller's session. Its tokens are invalid immediately. A device that is trusted stays so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn logout(&self, caller: &Caller) -> Result<(), Error> {
        let (database, user_id) = (&self.0.database, caller.user().id);
        let event = self.event_by(Event::SignedOut, caller);
        let ended = Session::end(database, user_id, caller.session_id, false, &event).await;
        self.invalidate(user_id);
        // If the session has ended in the meantime, there is nothing left to do.
        ended.map(drop)
    }

    /// Ends every session of the caller. All tokens are invalid immediately.
    ///
    /// # Errors
    /// `TokenInvalid` when the caller was signed out in the meantime.
    pub async fn logout_all(&self, caller: &Authorized) -> Result<(), Error> {
        let change = Rekey {
            // A token can sign out everywhere only once. Otherwise many requests with the same token
            // would update the same row for seconds.
            expected_secret: Some(&caller.user().jwt_secret),
            ..self.new_rekey(self.event_by(Event::SignedOutEverywhere, caller))
        };
        let changed = self.rekey(&change).await?;
        changed.map(drop).ok_or(Error::TokenInvalid)
    }
}
