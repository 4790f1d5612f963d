//! Lists and revokes the caller's sessions.

use super::{accounts::Accounts, caller::Authorized};
use crate::{
    error::Error,
    id::Id,
    store::{
        audit_events::{Event, NewEvent},
        sessions::Session,
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

    /// Ends one of the caller's sessions.
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
        let ended = Session::end(&self.0.database, caller.user().id, id, &event).await;
        self.invalidate(caller.user().id);
        if ended? { Ok(()) } else { Err(Error::NotFound) }
    }
}
