//! Lists and revokes the caller's sessions.

use super::{accounts::Accounts, caller::Authorized};
use crate::{
    error::Error,
    id::Id,
    store::{
        audit_events::{Event, NewEvent},
        sessions::Session,
        trusted_devices,
    },
    validation::required_field,
};

impl Accounts {
    /// Returns the caller's sessions, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, caller: &Authorized) -> Result<Vec<Session>, Error> {
        let (user_id, now) = (caller.user().id, self.now());
        Session::list(&self.0.database, user_id, now, self.idle_since(now)).await
    }

    /// Ends one of the caller's sessions. Its device is no longer trusted.
    ///
    /// # Errors
    /// `NotFound` for an id that is not one of the caller's sessions; a field error for a missing
    /// id.
    pub async fn revoke(&self, caller: &Authorized, id: Option<&str>) -> Result<(), Error> {
        let id: Id = required_field("id", id)?
            .parse()
            .map_err(|_| Error::NotFound)?;
        let event = NewEvent {
            session_id: Some(id),
            ..self.event_by(Event::SessionRevoked, caller)
        };
        let ended = Session::end(&self.0.database, caller.user().id, id, true, &event).await;
        self.invalidate(caller.user().id);
        if ended? { Ok(()) } else { Err(Error::NotFound) }
    }

    /// No longer trusts any device of the caller: each next sign-in takes a code of the second factor. Sessions
    /// continue.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_trusted_devices(&self, caller: &Authorized) -> Result<(), Error> {
        let event = self.event_by(Event::TrustedDevicesForgotten, caller);
        trusted_devices::forget_all_of(&self.0.database, &event).await
    }
}
