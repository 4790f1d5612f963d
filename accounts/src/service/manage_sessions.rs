//! Lists and revokes the caller's sessions.

use super::{
    accounts::Accounts,
    caller::Authorized,
    email_proof::EmailProof,
    fields::{TOKEN, invalid_link},
};
use crate::{
    device::Device,
    error::Error,
    id::Id,
    store::{
        audit_events::{Event, NewEvent},
        email_tokens::LinkPurpose,
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

    /// Ends a session on a new device with the link of the email about it. Its device is no longer trusted.
    /// Repeating that is no error, and neither is a session that has ended before.
    ///
    /// # Errors
    /// A field error for a link that is missing, invalid or expired.
    pub async fn reject_session(&self, token: Option<&str>, device: &Device) -> Result<(), Error> {
        let proof = EmailProof::token(required_field(TOKEN, token)?);
        let link = self.required_link(proof, LinkPurpose::Session).await?;
        let (Some(user_id), Some(session_id)) = (link.user_id, link.session_id) else {
            return Err(invalid_link());
        };
        if link.is_used {
            return Ok(());
        }
        let event = NewEvent {
            session_id: Some(session_id),
            ..self.event(Event::SessionRejected, user_id, device)
        };
        let (database, now) = (&self.0.database, self.now());
        let rejected = Session::reject(database, &link, session_id, now, &event).await;
        self.invalidate(user_id);
        rejected
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
