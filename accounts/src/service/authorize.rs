//! Who a token belongs to.

use std::{ops::Deref, sync::Arc};

use super::Accounts;
use crate::{
    Claims, Device, Error, Id, Session, TokenType, User,
    cache::Known,
    crypto::{token::UnverifiedToken, token_keys::TokenKeys},
    store::users::LiveUser,
    validation::required_field,
};

/// A user with a good token, which may have the second factor still to pass: good for passing it,
/// and for signing out.
#[derive(Clone, Debug)]
pub struct Identified {
    known: Arc<Known>,
    /// The session that the token belongs to.
    pub session_id: Id,
    /// Whether the token has passed the second factor.
    pub(crate) second_factor: bool,
    /// The device that calls.
    pub(crate) device: Arc<Device>,
}

/// A user with a good token that has passed all that the account asks for. Whatever takes one
/// of these is out of reach for a token that is only half signed in.
#[derive(Clone, Debug)]
pub struct Authorized(Identified);

impl Identified {
    /// The user.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.known.live.user
    }
}

impl Deref for Authorized {
    type Target = Identified;

    fn deref(&self) -> &Identified {
        &self.0
    }
}

impl Accounts {
    /// Who an access token belongs to, which this device shows.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`.
    pub async fn authorize(&self, token: &str, device: &Arc<Device>) -> Result<Authorized, Error> {
        let caller = self.identify(token, device).await?;
        require_second_factor(caller.user(), caller.second_factor)?;
        Ok(Authorized(caller))
    }

    /// The same for a token that may have the second factor still to pass.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`.
    pub async fn identify(&self, token: &str, device: &Arc<Device>) -> Result<Identified, Error> {
        let (known, claims) = self.check_access_token(token).await?;
        Ok(Identified {
            known,
            session_id: claims.sid,
            second_factor: claims.has_second_factor(),
            device: device.clone(),
        })
    }

    /// The claims of an access token that is good now.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`, and a field error for a missing token.
    pub async fn verify(&self, token: Option<&str>) -> Result<Claims, Error> {
        let token = required_field("token", token)?;
        let (known, claims) = self.check_access_token(token).await?;
        require_second_factor(&known.live.user, claims.has_second_factor())?;
        Ok(claims)
    }

    /// Everything that makes an access token good: its signature by the key of its user, its
    /// claims, an active user and a session that is not over. In the steady state all of it is in
    /// memory.
    async fn check_access_token(&self, token: &str) -> Result<(Arc<Known>, Claims), Error> {
        let token = UnverifiedToken::parse(token)?;
        let user_id = token.user_id();
        self.metrics().cache_lookups.inc();
        // A cached user has keys to check the token with; no other user is loaded for a forged one.
        let load = || self.load_user_of(&token);
        let known = self.0.cache.get(&self.0.database, user_id, load).await?;
        let known = known.ok_or(Error::TokenInvalid)?;
        let now = self.now();
        let claims = token.verify(
            &known.keys,
            &self.0.token_validation,
            TokenType::Access,
            now,
        )?;
        let is_alive = match known.live.knows_session(claims.sid, claims.iat, now) {
            Some(is_alive) => is_alive,
            None => Session::is_alive(&self.0.database, user_id, claims.sid, now).await?,
        };
        if is_alive && known.live.user.is_active {
            Ok((known, claims))
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// The same for a refresh token, of which the database knows whether it is the one that is good
    /// now: whether the session is alive is left to that.
    pub(super) async fn check_refresh_token(&self, token: &str) -> Result<(User, Claims), Error> {
        let token = UnverifiedToken::parse(token)?;
        self.check_key_id(&token)?;
        let (live, keys) = self
            .load(token.user_id())
            .await?
            .ok_or(Error::TokenInvalid)?;
        let now = self.now();
        let claims = token.verify(&keys, &self.0.token_validation, TokenType::Refresh, now)?;
        if live.user.is_active {
            Ok((live.user, claims))
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Rejects forged tokens early: it takes the master secret to make the id of a user's key.
    fn check_key_id(&self, token: &UnverifiedToken<'_>) -> Result<(), Error> {
        let key_id = token.key_id()?;
        if self.0.master_secrets.is_key_id(token.user_id(), &key_id) {
            Ok(())
        } else {
            self.metrics().forged_tokens.inc();
            Err(Error::TokenInvalid)
        }
    }

    async fn load_user_of(
        &self,
        token: &UnverifiedToken<'_>,
    ) -> Result<Option<(LiveUser, TokenKeys)>, Error> {
        self.check_key_id(token)?;
        self.metrics().cache_misses.inc();
        self.load(token.user_id()).await
    }

    async fn load(&self, user_id: Id) -> Result<Option<(LiveUser, TokenKeys)>, Error> {
        let live = LiveUser::find(&self.0.database, user_id, self.now()).await?;
        Ok(live.map(|live| {
            let masters = &self.0.master_secrets;
            let keys = masters.verifying_keys(user_id, &live.user.jwt_secret);
            (live, keys)
        }))
    }
}

fn require_second_factor(user: &User, has_passed: bool) -> Result<(), Error> {
    if user.otp_enabled && !has_passed {
        return Err(Error::OtpRequired);
    }
    Ok(())
}
