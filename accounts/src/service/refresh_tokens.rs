//! Exchanges refresh tokens.

use super::accounts::Accounts;
use crate::{
    clock::CLOCK_SKEW,
    crypto::token::TokenPair,
    device::Device,
    error::Error,
    store::{
        audit_events::{Event, NewEvent},
        refresh_tokens::{Exchange, Renewal},
    },
    validation::required_field,
};

impl Accounts {
    /// Exchanges a refresh token for a new pair.
    ///
    /// A used token still gets a pair within the grace time, because two tabs may refresh at once, and
    /// also later if the response must have been lost. Otherwise it was stolen, and the session ends.
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
        let (cached, claims) = self.check_refresh_token(token).await?;
        let (user_id, now) = (cached.user.id, self.now());
        let renewal = Renewal {
            user_id,
            jwt_secret: &cached.user.jwt_secret,
            session_id: claims.sid,
            presented: claims.jti,
            replacement: self.random().id(),
            now,
            idle_since: self.idle_since(now),
            latest_end: now.plus(self.0.lifetimes.session),
            grace_since: now.minus(self.0.lifetimes.grace),
            grace_until: now.plus(CLOCK_SKEW),
            device,
            reuse: NewEvent {
                session_id: Some(claims.sid),
                ..self.event(Event::RefreshTokenReused, user_id, device)
            },
        };
        let (user, mut session) = match renewal.apply(&self.0.database).await? {
            Exchange::Renewed(user, session) => (user, session),
            Exchange::Reused => {
                self.invalidate(user_id);
                return Err(Error::TokenInvalid);
            }
            Exchange::SessionEnded => {
                self.0.cache.add_ended(&cached, claims.sid);
                return Err(Error::TokenInvalid);
            }
            Exchange::Refused => return Err(Error::TokenInvalid),
        };
        // A token from before the second factor was completed never gets one that has completed it,
        // nor one that lives longer.
        if !claims.has_second_factor() {
            session.second_factor = false;
            session.passkey_synced = None;
            if user.otp_enabled {
                session.expires_at = session.expires_at.min(claims.expires_at());
            }
        }
        self.token_pair(&user, &session, now)
    }
}
