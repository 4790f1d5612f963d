//! Exchanges refresh tokens.

use super::accounts::Accounts;
use crate::{
    clock::CLOCK_SKEW,
    crypto::token::TokenPair,
    device::Device,
    error::Error,
    store::{
        audit_events::{Event, NewEvent},
        sessions::{Renewal, Session},
    },
    validation::required_field,
};

impl Accounts {
    /// Exchanges a refresh token for a new pair.
    ///
    /// Within the grace time a used token still gets a pair, because a response may be lost and two
    /// tabs may refresh at once. Later it must have been stolen, and the session ends.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, and a field error for a missing token.
    pub async fn refresh(
        &self,
        refresh_token: Option<&str>,
        device: &Device,
    ) -> Result<TokenPair, Error> {
        let token = required_field("refresh_token", refresh_token)?;
        let result = self.exchange(token, device).await;
        self.metrics().refresh(&result);
        result
    }

    async fn exchange(&self, token: &str, device: &Device) -> Result<TokenPair, Error> {
        let (user, claims) = self.check_refresh_token(token).await?;
        let now = self.now();
        let renewal = Renewal {
            user_id: user.id,
            session_id: claims.sid,
            presented: claims.jti,
            replacement: self.random().id(),
            now,
            idle_since: self.idle_since(now),
            grace_since: now.minus(self.0.lifetimes.grace),
            grace_until: now.plus(CLOCK_SKEW),
            device,
            reuse: NewEvent {
                session_id: Some(claims.sid),
                ..self.event(Event::RefreshTokenReused, user.id, device)
            },
        };
        let renewed = Session::renew(&self.0.database, &renewal).await?;
        let Some(mut session) = renewed else {
            // The session has ended, perhaps because of this request.
            self.invalidate(user.id);
            return Err(Error::TokenInvalid);
        };
        // A token from before the second factor was completed never gets one that has completed it,
        // not even within the grace time.
        session.second_factor &= claims.has_second_factor();
        self.token_pair(&user, &session, now)
    }
}
