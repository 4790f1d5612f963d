//! Checks tokens: who is the caller, and may they proceed?

use std::sync::Arc;

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller},
    fields::TOKEN,
};
use crate::{
    cache::CachedUser,
    clock::Timestamp,
    crypto::token::{Claims, TokenType, UnverifiedToken},
    device::Device,
    error::Error,
    id::Id,
    store::{sessions::Session, users::User},
    validation::required_field,
};

impl Accounts {
    /// Returns the caller that an access token belongs to.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`.
    pub async fn authorize(&self, token: &str, device: &Arc<Device>) -> Result<Authorized, Error> {
        let caller = self.identify(token, device).await?;
        require_second_factor(caller.user(), caller.second_factor)?;
        Ok(Authorized(caller))
    }

    /// Returns the caller that an access token belongs to, also while the second factor is pending.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`.
    pub async fn identify(&self, token: &str, device: &Arc<Device>) -> Result<Caller, Error> {
        let (cached, claims) = self.check_access_token(token).await?;
        Ok(Caller {
            cached,
            session_id: claims.sid,
            second_factor: claims.has_second_factor(),
            device: device.clone(),
        })
    }

    /// Returns the claims of a valid access token.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`, and a field error for a missing token.
    pub async fn verify(&self, token: Option<&str>) -> Result<Claims, Error> {
        let token = required_field(TOKEN, token)?;
        let (cached, claims) = self.check_access_token(token).await?;
        require_second_factor(&cached.user, claims.has_second_factor())?;
        Ok(claims)
    }

    /// Checks everything that makes an access token valid: its signature with the key of its user,
    /// its claims, an active user and a live session. Usually all of it is cached.
    async fn check_access_token(&self, token: &str) -> Result<(Arc<CachedUser>, Claims), Error> {
        let token = UnverifiedToken::parse(token)?;
        let cached = self.cached_user(&token).await?;
        let now = self.now();
        let validation = &self.0.token_validation;
        let claims = token.verify(&cached.keys, validation, TokenType::Access, now)?;
        let is_alive = match cached.has_session(claims.sid, claims.iat, now) {
            Some(is_alive) => is_alive,
            None => self.look_up_session(&cached, claims.sid, now).await?,
        };
        if is_alive && cached.user.is_active {
            Ok((cached, claims))
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Checks a refresh token, except whether its session is alive and the token unused: the
    /// transaction that exchanges it does that. Tokens of users and sessions that are known to be
    /// gone don't get that far.
    pub(super) async fn check_refresh_token(
        &self,
        token: &str,
    ) -> Result<(Arc<CachedUser>, Claims), Error> {
        let token = UnverifiedToken::parse(token)?;
        let mut cached = self.cached_user(&token).await?;
        let now = self.now();
        let verify = |cached: &CachedUser| {
            let validation = &self.0.token_validation;
            token.verify(&cached.keys, validation, TokenType::Refresh, now)
        };
        let claims = match verify(&cached) {
            // Another server may have replaced the user's secret a moment ago. Whether a token that
            // is not that new has the right signature is known from the cache.
            Err(Error::TokenInvalid) if cached.may_be_older_than(token.issued_at()) => {
                let loaded = self.load_user_of(&token).await?;
                cached = Arc::new(loaded.ok_or(Error::TokenInvalid)?);
                verify(&cached)?
            }
            result => result?,
        };
        let has_ended = cached.has_session(claims.sid, claims.iat, now) == Some(false)
            || self.0.cache.has_ended(&cached, claims.sid);
        if has_ended || !cached.user.is_active {
            return Err(Error::TokenInvalid);
        }
        Ok((cached, claims))
    }

    /// Returns the user of a token, usually from the cache.
    async fn cached_user(&self, token: &UnverifiedToken<'_>) -> Result<Arc<CachedUser>, Error> {
        self.metrics().cache_lookups.inc();
        // The keys of a cached user expose a forged token. Other users are only looked up if the
        // token names their key correctly.
        let load = || self.load_user_of(token);
        let (cache, database) = (&self.0.cache, &self.0.database);
        let cached = cache.get(database, token.user_id(), load).await?;
        cached.ok_or(Error::TokenInvalid)
    }

    /// Looks up a session that the cache doesn't know, and remembers if it does not exist.
    async fn look_up_session(
        &self,
        cached: &CachedUser,
        session_id: Id,
        now: Timestamp,
    ) -> Result<bool, Error> {
        if self.0.cache.has_ended(cached, session_id) {
            return Ok(false);
        }
        self.metrics().session_queries.inc();
        let end = Session::end_of(&self.0.database, cached.user.id, session_id).await?;
        if end.is_none() {
            self.0.cache.add_ended(cached, session_id);
        }
        Ok(end.is_some_and(|end| end > now))
    }

    /// Rejects forged tokens before they cost a query: the id of a user's key can't be computed
    /// without the master secret.
    fn check_key_id(&self, token: &UnverifiedToken<'_>) -> Result<(), Error> {
        let key_id = token.key_id()?;
        if self.0.master_secrets.is_key_id(token.user_id(), &key_id) {
            Ok(())
        } else {
            self.metrics().forged_tokens.inc();
            Err(Error::TokenInvalid)
        }
    }

    async fn load_user_of(&self, token: &UnverifiedToken<'_>) -> Result<Option<CachedUser>, Error> {
        self.check_key_id(token)?;
        self.metrics().cache_misses.inc();
        self.load_user(token.user_id()).await
    }

    async fn load_user(&self, user_id: Id) -> Result<Option<CachedUser>, Error> {
        let (database, masters) = (&self.0.database, &self.0.master_secrets);
        CachedUser::load(database, masters, user_id, self.now()).await
    }
}

fn require_second_factor(user: &User, is_completed: bool) -> Result<(), Error> {
    if user.otp_enabled && !is_completed {
        return Err(Error::OtpRequired);
    }
    Ok(())
}
