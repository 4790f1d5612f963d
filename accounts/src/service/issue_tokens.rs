//! Issues token pairs, and revokes all tokens of a user by replacing the user's secret.

use super::{accounts::Accounts, caller::Caller};
use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    crypto::{
        jwt_secret::JwtSecret,
        token::{Claims, Method, TokenPair, TokenType},
    },
    error::Error,
    id::Id,
    store::{
        administrators::Guard,
        audit_events::NewEvent,
        rekey::Rekey,
        sessions::{FirstFactor, Replacement, Session},
        users::User,
    },
};

impl Accounts {
    /// Issues a token pair for a session, with the refresh token that its row names. No token
    /// outlives the session, and an access token does not outlive its refresh token.
    pub(super) fn token_pair(
        &self,
        user: &User,
        session: &Session,
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        let lifetimes = &self.0.lifetimes;
        let refresh_expires = now.plus(lifetimes.idle).min(session.expires_at);
        let access_expires = now.plus(lifetimes.access).min(refresh_expires);
        let amr = methods(session);
        let claims = |token_type, expires: Timestamp, id: Id| Claims {
            iss: self.0.public_url.clone(),
            aud: self.0.public_url.clone(),
            sub: user.id,
            sid: session.id,
            token_type,
            amr: amr.clone(),
            iat: now.unix_seconds(),
            exp: expires.unix_seconds(),
            jti: id,
            generation: None,
            roles: None,
            auth_time: None,
        };
        let is_pending = user.otp_enabled && !session.second_factor;
        let is_complete = self
            .check_second_factor(user, session.second_factor)
            .is_ok();
        let access = Claims {
            iat: issued_at(user, now),
            roles: Some(user.roles.to_vec()),
            auth_time: Some(session.authenticated_at.unix_seconds()),
            ..claims(TokenType::Access, access_expires, self.random().id())
        };
        let refresh = claims(TokenType::Refresh, refresh_expires, session.refresh_id);
        Ok(TokenPair {
            access_token: self.sign_access_token(user, access, is_complete)?,
            refresh_token: self.sign_with_user_key(user, &refresh)?,
            expires_in: u64::try_from(access_expires.unix_seconds() - now.unix_seconds())
                .unwrap_or_default(),
            otp_required: is_pending,
        })
    }

    /// Signs an access token with the server's key, if one is configured, else with the user's. One that
    /// still lacks the second factor, or whose user still has to set it up, always gets the user's: other
    /// services can't tell it from one that needs none, so they must not be able to verify it.
    fn sign_access_token(
        &self,
        user: &User,
        mut claims: Claims,
        is_complete: bool,
    ) -> Result<String, Error> {
        let (masters, keys) = (&self.0.master_secrets, &self.0.server_keys);
        if !is_complete {
            return self.sign_with_user_key(user, &claims);
        }
        if keys.is_used() {
            claims.generation = Some(masters.generation(user.id, &user.jwt_secret));
        }
        keys.sign(&claims)
            .unwrap_or_else(|| self.sign_with_user_key(user, &claims))
    }

    fn sign_with_user_key(&self, user: &User, claims: &Claims) -> Result<String, Error> {
        let masters = &self.0.master_secrets;
        let key = masters.signing_key(user.id, &user.jwt_secret);
        claims.sign(&key, &masters.key_id(user.id))
    }

    /// Prepares new tokens for the caller's session.
    pub(super) fn replacement(
        &self,
        caller: &Caller,
        second_factor: bool,
        now: Timestamp,
    ) -> Replacement {
        Replacement {
            user_id: caller.user().id,
            session_id: caller.session_id,
            refresh_id: self.random().id(),
            second_factor,
            now,
            idle_since: self.idle_since(now),
            completed_until: None,
            is_reauthenticated: false,
        }
    }

    /// Prepares the tokens of a session that completes the second factor. If it was pending, it
    /// begins only now.
    pub(super) fn completion(&self, caller: &Caller, now: Timestamp) -> Replacement {
        Replacement {
            completed_until: Some(now.plus(self.0.lifetimes.session)),
            ..self.replacement(caller, true, now)
        }
    }

    /// Prepares a change that replaces the user's secret and nothing else.
    pub(super) fn new_rekey(&self, event: NewEvent) -> Rekey<'static> {
        Rekey {
            user_id: event.user_id,
            expected_secret: None,
            new_secret: JwtSecret::new(self.random()),
            password_hash: None,
            drops_password: false,
            device_key: self.random().id(),
            removes_second_factor: false,
            removes_lone_passkeys: false,
            deactivates: false,
            link: None,
            verifies_email: false,
            rejection: None,
            identity: None,
            guard: Guard::default(),
            keeps: None,
            notice: None,
            event,
        }
    }

    /// Makes a change that revokes all tokens of a user. Returns `None` if one of its conditions no
    /// longer holds. After a new password, nobody waits for failures of the one before.
    pub(super) async fn rekey(
        &self,
        change: &Rekey<'_>,
    ) -> Result<Option<(User, Option<Session>)>, Error> {
        let changed = change.apply(&self.0.database).await;
        // Also after an error: the commit may have succeeded although its response was lost.
        self.invalidate(change.user_id);
        self.notify_email_worker();
        if let (Some(_), Ok(Some((user, _)))) = (&change.password_hash, &changed) {
            self.forget_failed_sign_ins(&user.email).await;
        }
        changed
    }

    /// Makes a change that ends every session but the caller's, and returns the caller's new tokens.
    pub(super) async fn rekey_caller(
        &self,
        change: &Rekey<'_>,
        now: Timestamp,
    ) -> Result<TokenPair, Error> {
        match self.rekey(change).await? {
            Some((user, Some(session))) => self.token_pair(&user, &session, now),
            _ => Err(Error::TokenInvalid),
        }
    }
}

/// How the user of a session has signed in.
fn methods(session: &Session) -> Vec<Method> {
    match session.passkey_synced {
        Some(false) => return vec![Method::Hwk, Method::User],
        Some(true) => return vec![Method::Swk, Method::User],
        None => {}
    }
    let mut methods = vec![match session.first_factor() {
        FirstFactor::Password => Method::Pwd,
        FirstFactor::EmailCode => Method::Mca,
        FirstFactor::Provider => Method::Fed,
    }];
    if session.second_factor {
        methods.push(match session.trusted_since {
            Some(_) => Method::Rba,
            None => Method::Otp,
        });
    }
    methods
}

/// When an access token is issued, in seconds since 1970. Where a role was taken away in this second, other
/// services refuse tokens of this second, so it is the next one. A time further ahead was written by
/// another clock, and counts for nothing.
fn issued_at(user: &User, now: Timestamp) -> i64 {
    let since = user.roles_since;
    if since <= now.plus(CLOCK_SKEW).unix_seconds() {
        now.unix_seconds().max(since)
    } else {
        now.unix_seconds()
    }
}
