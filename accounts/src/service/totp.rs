//! Sets up and removes the second factor, an authenticator app.

use languages::tr_later;

use super::{
    accounts::Accounts,
    caller::{Authorized, Caller, Enrolling},
    fields::label,
    login::SignedIn,
};
use crate::{
    crypto::{
        encryption::Purpose,
        token::TokenPair,
        totp::{self, TotpSecret, TotpSetup},
    },
    email::template::{EmailTemplate, Origin},
    error::Error,
    id::Id,
    store::{
        audit_events::Event,
        authenticator_apps::NewApp,
        rekey::Rekey,
        second_factors::{self, Attempt, EncryptedTotpSecrets, Factor, OnSuccess},
        users::Credentials,
    },
    validation::{Validator, required_field},
};

/// The field with a one-time code or a recovery code.
pub(super) const CODE: &str = "code";

const REQUIRED: &str =
    tr_later("Your account must have two-factor authentication, so it can't be turned off.");

/// How many secrets are encrypted again per query.
const REENCRYPTION_BATCH: u32 = 100;

impl Accounts {
    /// Begins to set up an authenticator app. Nothing changes for the user until its first code is
    /// confirmed. The same session gets the same secret for 10 minutes, so that an app that was set up
    /// before the page was closed still fits.
    ///
    /// # Errors
    /// `EmailUnverified`; `OtpRequired` for a passkey that must be used before; a field error when the password is
    /// missing or wrong; `TokenInvalid` when the caller was signed out in the meantime; `Throttled`; `Overloaded`.
    pub async fn begin_totp(
        &self,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<TotpSetup, Error> {
        require_verified_email(caller)?;
        self.check_set_up(caller).await?;
        self.confirm_password(caller, current_password).await?;
        let (user, random) = (caller.user(), self.random());
        let (database, masters) = (&self.0.database, &self.0.master_secrets);
        let new = TotpSecret::new(random);
        let new = masters.encrypt(Purpose::TotpSecret, user.id, new.as_bytes(), random);
        let begun =
            second_factors::begin_setup(database, user, caller.session_id, &new, self.now());
        let encrypted = begun.await?.ok_or(Error::TokenInvalid)?;
        let issuer = match &self.0.site_name {
            // A colon ends the name (Key URI Format).
            Some(name) => name.replace(':', ""),
            None => totp::issuer(&self.0.public_url),
        };
        self.decrypt_totp_secret(user.id, &encrypted)?
            .setup(&issuer, &user.email)
    }

    /// Turns the second factor on with the first code of the app that was set up, which replaces all others.
    /// Returns tokens that have completed it, and new recovery codes. For other sessions, the second factor is
    /// pending: they end unless they complete it within 10 minutes.
    ///
    /// # Errors
    /// Field errors for a code that is missing or wrong, when no app was set up, and for a name that is too long;
    /// `EmailUnverified`; `Throttled`; `TokenInvalid` when the caller was signed out in the meantime.
    pub async fn confirm_totp(
        &self,
        caller: &Enrolling,
        code: Option<&str>,
        name: Option<&str>,
    ) -> Result<(TokenPair, Vec<String>), Error> {
        require_verified_email(caller)?;
        self.check_set_up(caller).await?;
        let mut validator = Validator::default();
        let code = validator.required(CODE, code);
        let name = name.and_then(|name| label(&mut validator, name));
        let Some(code) = code.filter(|_| validator.is_empty()) else {
            return Err(validator.into_error());
        };
        let (user, now) = (caller.user(), self.now());
        let (codes, hashes) = self.new_recovery_codes(user.id);
        let origin = Some(Origin::new(&caller.device, now));
        let template = EmailTemplate::SecondFactorOn;
        let notice = self.new_email(user.id, &user.email, template, origin, now)?;
        let matching_step = |encrypted: &[u8]| self.matching_step(user.id, encrypted, code);
        let attempt = Attempt {
            user,
            factor: Factor::NewCode(&matching_step),
            on_success: OnSuccess::TurnOn {
                app: NewApp {
                    id: self.random().id(),
                    name: name.as_deref(),
                },
                recovery_hashes: &hashes,
                notice: &notice,
            },
            session: self.replacement(caller, true, now),
            passed: self.event_by(Event::SecondFactorOn, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
            signed_in: self.event_by(Event::SignedIn, caller),
        };
        let pair = match self.attempt_second_factor(caller, &attempt).await {
            Err(Error::PermissionDenied) => Err(no_app_begun()),
            result => result,
        }?;
        Ok((pair, codes))
    }

    /// Completes the second factor with a code of one of the authenticator apps.
    ///
    /// # Errors
    /// A field error for a code that is missing, wrong or used; `Throttled`; `PermissionDenied`
    /// without a second factor; `TokenInvalid` when the caller was signed out in the meantime.
    pub async fn pass_totp(&self, caller: &Caller, code: Option<&str>) -> Result<TokenPair, Error> {
        self.pass_totp_and(caller, code, OnSuccess::Pass).await
    }

    /// The same, and trusts this device from now on: for 30 days, signing in on it with the password takes no code.
    /// Returns what it should store and send with its next sign-in.
    ///
    /// # Errors
    /// Those of [`Self::pass_totp`].
    pub async fn pass_totp_and_trust(
        &self,
        caller: &Caller,
        code: Option<&str>,
    ) -> Result<SignedIn, Error> {
        let user_id = caller.user().id;
        let owner = Credentials::token_owner_of(&self.0.database, user_id).await?;
        let trusted = owner.and_then(|owner| self.trustable_tokens(owner, &caller.device));
        let (device_tokens, hash) = trusted.ok_or(Error::TokenInvalid)?;
        let event = self.event_by(Event::DeviceTrusted, caller);
        let on_success = OnSuccess::PassAndTrust {
            hash: &hash,
            event: &event,
        };
        Ok(SignedIn {
            tokens: self.pass_totp_and(caller, code, on_success).await?,
            device_tokens: Some(device_tokens),
        })
    }

    async fn pass_totp_and(
        &self,
        caller: &Caller,
        code: Option<&str>,
        on_success: OnSuccess<'_>,
    ) -> Result<TokenPair, Error> {
        let code = required_field(CODE, code)?;
        let user = caller.user();
        let matching_step = |encrypted: &[u8]| self.matching_step(user.id, encrypted, code);
        let attempt = Attempt {
            user,
            factor: Factor::Code(&matching_step),
            on_success,
            session: self.completion(caller, self.now()),
            passed: self.event_by(Event::SecondFactorPassed, caller),
            failed: self.event_by(Event::SecondFactorFailed, caller),
            signed_in: self.event_by(Event::SignedIn, caller),
        };
        self.attempt_second_factor(caller, &attempt).await
    }

    /// Turns the second factor off. Every other session ends.
    ///
    /// # Errors
    /// `Conflict` where the user must have one; a field error when the password is missing or wrong;
    /// `PermissionDenied` without a second factor; `TokenInvalid` when the caller was signed out in the
    /// meantime; `Throttled`; `Overloaded`.
    pub async fn delete_totp(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<TokenPair, Error> {
        if self.must_have_second_factor(caller.user()) {
            return Err(Error::Conflict(REQUIRED));
        }
        self.confirm_password(caller, current_password).await?;
        let (user, now) = (caller.user(), self.now());
        if !user.otp_enabled {
            return Err(Error::PermissionDenied);
        }
        let origin = Some(Origin::new(&caller.device, now));
        let notice = self.notice(user, EmailTemplate::SecondFactorOff, origin, now)?;
        let change = Rekey {
            expected_secret: Some(&user.jwt_secret),
            removes_second_factor: true,
            keeps: Some(self.replacement(caller, false, now)),
            notice,
            ..self.new_rekey(self.event_by(Event::SecondFactorOff, caller))
        };
        self.rekey_caller(&change, now).await
    }

    /// Encrypts the secrets of all authenticator apps with the first master secret, so that others
    /// can be removed from the list. Returns the number of secrets that were encrypted again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reencrypt_totp_secrets(&self) -> Result<u64, Error> {
        let database = &self.0.database;
        let key_id = self.0.master_secrets.encryption_key_id(Purpose::TotpSecret);
        let (mut after, mut reencrypted) = (None, 0);
        loop {
            let users = EncryptedTotpSecrets::under_other_keys(
                database,
                &key_id,
                after,
                REENCRYPTION_BATCH,
            )
            .await?;
            let Some(last) = users.last() else {
                return Ok(reencrypted);
            };
            after = Some(*last);
            for user_id in &users {
                let user = EncryptedTotpSecrets::of_user(database, *user_id).await?;
                for secret in &user.secrets {
                    if !secret.starts_with(&key_id)
                        && let Some(encrypted) = self.reencrypt(*user_id, secret)
                    {
                        user.replace(database, secret, &encrypted).await?;
                        reencrypted += 1;
                    }
                }
            }
        }
    }

    fn reencrypt(&self, user_id: Id, encrypted: &[u8]) -> Option<Vec<u8>> {
        let masters = &self.0.master_secrets;
        let Some(secret) = masters.decrypt(Purpose::TotpSecret, user_id, encrypted) else {
            tracing::error!(%user_id,
                "TOTP secret is encrypted with a master secret that is not in LATCHKEY_SECRET");
            return None;
        };
        Some(masters.encrypt(Purpose::TotpSecret, user_id, &secret, self.random()))
    }

    /// Returns the time step that a code is for, if it is valid now.
    pub(super) fn matching_step(
        &self,
        user_id: Id,
        encrypted: &[u8],
        code: &str,
    ) -> Result<Option<i64>, Error> {
        self.decrypt_totp_secret(user_id, encrypted)?
            .matching_step(code, self.now())
    }

    fn decrypt_totp_secret(&self, user_id: Id, encrypted: &[u8]) -> Result<TotpSecret, Error> {
        let masters = &self.0.master_secrets;
        let secret = masters.decrypt(Purpose::TotpSecret, user_id, encrypted);
        secret.map(TotpSecret::from_bytes).ok_or_else(|| {
            Error::internal(
                "can't decrypt a TOTP secret",
                "it is encrypted with a master secret that is not in LATCHKEY_SECRET",
            )
        })
    }
}

/// The error for a code of a new app that nobody has begun to set up.
pub(super) fn no_app_begun() -> Error {
    Error::field(
        CODE,
        tr_later("Set up an authenticator app first, then enter its code."),
    )
}

/// What is set up before the email address is verified might be someone else's.
pub(super) fn require_verified_email(caller: &Enrolling) -> Result<(), Error> {
    if caller.user().email_verified {
        Ok(())
    } else {
        Err(Error::EmailUnverified)
    }
}
