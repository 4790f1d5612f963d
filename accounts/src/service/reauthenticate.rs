//! Proves again who the caller is, before changes that could do much harm.

use super::{accounts::Accounts, caller::Authorized, fields::CURRENT_PASSWORD, totp::CODE};
use crate::{
    crypto::token::TokenPair,
    error::Error,
    store::{
        audit_events::Event,
        second_factors::{Attempt, Factor, OnSuccess},
        sessions::{self, Replacement},
    },
    validation::Validator,
};

impl Accounts {
    /// Checks the caller's password and, where a second factor is on, a code of the authenticator app.
    /// Returns tokens of the same session that count as a sign-in at this time.
    ///
    /// # Errors
    /// Field errors for what is missing or wrong; `ReauthenticationRequired` for a user who has no password, and
    /// needs a passkey or a new sign-in for this; `TokenInvalid` when the caller was signed out in the
    /// meantime; `Throttled`; `Overloaded`.
    pub async fn reauthenticate(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
        code: Option<&str>,
    ) -> Result<TokenPair, Error> {
        let user = caller.user();
        // Without a password, only a new sign-in shows who the caller is.
        if !self.has_password(caller).await? {
            return Err(Error::ReauthenticationRequired);
        }
        let mut validator = Validator::default();
        validator.required(CURRENT_PASSWORD, current_password);
        let code = match user.otp_enabled {
            true => validator.required(CODE, code),
            false => None,
        };
        if !validator.is_empty() {
            return Err(validator.into_error());
        }
        self.confirm_password(caller, current_password).await?;
        let now = self.now();
        let event = self.event_by(Event::Reauthenticated, caller);
        let session = Replacement {
            is_reauthenticated: true,
            ..self.replacement(caller, caller.second_factor, now)
        };
        if let Some(code) = code {
            let matching_step = |encrypted: &[u8]| self.matching_step(user.id, encrypted, code);
            let attempt = Attempt {
                user,
                factor: Factor::Code(&matching_step),
                on_success: OnSuccess::Pass,
                session,
                passed: event,
                failed: self.event_by(Event::SecondFactorFailed, caller),
                signed_in: self.event_by(Event::SignedIn, caller),
            };
            return self.attempt_second_factor(caller, &attempt).await;
        }
        let database = &self.0.database;
        let continued = sessions::continue_with(database, user, &session, &event).await;
        let (user, session) = continued?.ok_or(Error::TokenInvalid)?;
        self.token_pair(&user, &session, now)
    }
}
