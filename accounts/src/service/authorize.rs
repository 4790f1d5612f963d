//! Checks tokens: who is the caller, and may they proceed?

use std::sync::Arc;

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller, Enrolling},
    fields::TOKEN,
    second_factor_policy::require_completion,
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
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`, `SecondFactorSetupRequired`.
    pub async fn authorize(&self, token: &str, device: &Arc<Device>) -> Result<Authorized, Error> {
        let caller = self.identify(token, device).await?;
        self.check_second_factor(caller.user(), caller.second_factor)?;
        Ok(Authorized(Enrolling(caller)))
    }

    /// Returns the caller that an access token belongs to, also one who must set up a second factor.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`.
    pub async fn authorize_enrolling(
        &self,
        token: &str,
        device: &Arc<Device>,
    ) -> Result<Enrolling, Error> {
        let caller = self.identify(token, device).await?;
        require_completion(caller.user(), caller.second_factor)?;
        Ok(Enrolling(caller))
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
            has_passkey: claims.has_passkey(),
            authenticated_at: claims.auth_time.map(Timestamp::from_unix_seconds),
            device: device.clone(),
        })
    }

    /// Returns the claims of a valid access token, without roles that were taken away since.
    ///
    /// # Errors
    /// `TokenExpired`, `TokenInvalid`, `OtpRequired`, `SecondFactorSetupRequired`, and a field error for a
    /// missing token.
    pub async fn verify(&self, token: Option<&str>) -> Result<Arc<Claims>, Error> {
        let token = required_field(TOKEN, token)?;
        let (cached, claims) = self.check_access_token(token).await?;
        self.check_second_factor(&cached.user, claims.has_second_factor())?;
        Ok(with_present_roles(&cached.user, claims))
    }

    /// Returns the claims of an access token if it is valid now, for another service that asks.
    ///
    /// # Errors
    /// A field error for a missing token, or when the database fails.
    pub async fn introspect(&self, token: Option<&str>) -> Result<Option<Arc<Claims>>, Error> {
        match self.verify(token).await {
            Ok(claims) => Ok(Some(claims)),
            Err(
                Error::TokenExpired
                | Error::TokenInvalid
                | Error::OtpRequired
                | Error::SecondFactorSetupRequired,
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Checks everything that makes an access token valid: its signature with a key of the server or of
    /// its user, its claims, an active user and a live session. Usually all of it is cached.
    async fn check_access_token(
        &self,
        text: &str,
    ) -> Result<(Arc<CachedUser>, Arc<Claims>), Error> {
        let now = self.now();
        let (cached, claims) = if let Some(claims) = self.check_server_signature(text, now)? {
            let cached = self.cached_user_of(&claims).await?;
            self.check_generation(&cached, &claims)?;
            claims.check_time(now)?;
            (cached, claims)
        } else {
            let token = UnverifiedToken::parse(text)?;
            let cached = self.cached_user(&token).await?;
            let validation = &self.0.token_validation;
            let claims = token.verify(&cached.keys, validation, TokenType::Access, now)?;
            (cached, Arc::new(claims))
        };
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
        let now = self.now();
        let verify = |cached: &CachedUser| {
            let validation = &self.0.token_validation;
            token.verify(&cached.keys, validation, TokenType::Refresh, now)
        };
        let (cached, claims) = self.check_user_signature(&token, verify).await?;
        let has_ended = cached.has_session(claims.sid, claims.iat, now) == Some(false)
            || self.0.cache.has_ended(&cached, claims.sid);
        if has_ended || !cached.user.is_active {
            return Err(Error::TokenInvalid);
        }
        Ok((cached, claims))
    }

    /// Checks that a token of either kind was issued, and that the user has not signed out everywhere
    /// since. Neither its age nor its session is checked.
    pub(super) async fn check_issued_token(
        &self,
        text: &str,
    ) -> Result<(Arc<CachedUser>, Arc<Claims>), Error> {
        if let Some(claims) = self.check_server_signature(text, self.now())? {
            let mut cached = self.cached_user_of(&claims).await?;
            let mut checked = self.check_generation(&cached, &claims);
            if checked.is_err() && cached.may_be_older_than(claims.iat) {
                let loaded = self.load_user(claims.sub).await?;
                cached = Arc::new(loaded.ok_or(Error::TokenInvalid)?);
                checked = self.check_generation(&cached, &claims);
            }
            return checked.map(|()| (cached, claims));
        }
        let token = UnverifiedToken::parse(text)?;
        let verify = |cached: &CachedUser| token.claims(&cached.keys, &self.0.token_validation);
        let (cached, claims) = self.check_user_signature(&token, verify).await?;
        Ok((cached, Arc::new(claims)))
    }

    /// Verifies a token with its user's keys.
    async fn check_user_signature(
        &self,
        token: &UnverifiedToken<'_>,
        verify: impl Fn(&CachedUser) -> Result<Claims, Error>,
    ) -> Result<(Arc<CachedUser>, Claims), Error> {
        let cached = self.cached_user(token).await?;
        match verify(&cached) {
            // Another server may have replaced the user's secret a moment ago. Whether a token that
            // is not that new has the right signature is known from the cache.
            Err(Error::TokenInvalid) if cached.may_be_older_than(token.issued_at()) => {
                let loaded = self.load_user_of(token).await?;
                let loaded = Arc::new(loaded.ok_or(Error::TokenInvalid)?);
                let claims = verify(&loaded)?;
                Ok((loaded, claims))
            }
            result => result.map(|claims| (cached, claims)),
        }
    }

    /// Returns the claims of an access token that a key of the server has signed, or `None` for one that
    /// names none of these keys. This comes before the user is looked up, so a forged token costs no
    /// query.
    fn check_server_signature(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<Arc<Claims>>, Error> {
        let claims = self.0.server_keys.verify(token, now);
        claims.inspect_err(|_| self.metrics().forged_tokens.inc())
    }

    /// Checks that the user's secret is still the one that a token was issued under.
    fn check_generation(&self, cached: &CachedUser, claims: &Claims) -> Result<(), Error> {
        let (masters, user) = (&self.0.master_secrets, &cached.user);
        let generation = claims.generation.as_deref().unwrap_or_default();
        if masters.is_generation(user.id, &user.jwt_secret, generation) {
            Ok(())
        } else {
            Err(Error::TokenInvalid)
        }
    }

    /// Returns the user of a token whose signature is valid, usually from the cache.
    async fn cached_user_of(&self, claims: &Claims) -> Result<Arc<CachedUser>, Error> {
        self.get_cached(claims.sub, || self.load_user(claims.sub))
            .await
    }

    /// Returns the user that a token claims to belong to, usually from the cache.
    async fn cached_user(&self, token: &UnverifiedToken<'_>) -> Result<Arc<CachedUser>, Error> {
        // The keys of a cached user expose a forged token. Other users are only looked up if the
        // token names their key correctly.
        self.get_cached(token.user_id(), || self.load_user_of(token))
            .await
    }

    async fn get_cached<F>(
        &self,
        user_id: Id,
        load: impl Fn() -> F,
    ) -> Result<Arc<CachedUser>, Error>
    where
        F: Future<Output = Result<Option<CachedUser>, Error>>,
    {
        self.metrics().cache_lookups.inc();
        let cached = self.0.cache.get(&self.0.database, user_id, load).await?;
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
        self.load_user(token.user_id()).await
    }

    async fn load_user(&self, user_id: Id) -> Result<Option<CachedUser>, Error> {
        self.metrics().cache_misses.inc();
        let (database, masters) = (&self.0.database, &self.0.master_secrets);
        CachedUser::load(database, masters, user_id, self.now()).await
    }
}

fn with_present_roles(user: &User, claims: Arc<Claims>) -> Arc<Claims> {
    let roles = claims.roles.as_deref().unwrap_or_default();
    if roles.iter().all(|role| user.roles.contains(role)) {
        return claims;
    }
    let mut claims = Arc::unwrap_or_clone(claims);
    if let Some(roles) = &mut claims.roles {
        roles.retain(|role| user.roles.contains(role));
    }
    Arc::new(claims)
}
