//! Ends the session of a token that a client hands back (RFC 7009).

use super::{accounts::Accounts, fields::TOKEN};
use crate::{
    device::Device,
    error::Error,
    store::{
        audit_events::{Event, NewEvent},
        sessions::Session,
    },
    validation::required_field,
};

impl Accounts {
    /// Ends the session that an access or refresh token belongs to, also if the token has expired. A
    /// token that was never issued, or whose session has ended, changes nothing.
    ///
    /// # Errors
    /// A field error for a missing token, or when the database fails.
    pub async fn revoke_token(&self, token: Option<&str>, device: &Device) -> Result<(), Error> {
        let token = required_field(TOKEN, token)?;
        let (cached, claims) = match self.check_issued_token(token).await {
            Ok(issued) => issued,
            Err(Error::TokenInvalid) => return Ok(()),
            Err(error) => return Err(error),
        };
        let (user_id, session_id) = (cached.user.id, claims.sid);
        if cached.has_session(session_id, claims.iat, self.now()) == Some(false)
            || self.0.cache.has_ended(&cached, session_id)
        {
            return Ok(());
        }
        let event = NewEvent {
            session_id: Some(session_id),
            ..self.event(Event::SignedOut, user_id, device)
        };
        let ended = Session::end(&self.0.database, user_id, session_id, false, &event).await;
        match ended {
            Ok(false) => self.0.cache.add_ended(&cached, session_id),
            _ => self.invalidate(user_id),
        }
        ended.map(drop)
    }
}
