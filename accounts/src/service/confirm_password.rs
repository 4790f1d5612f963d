//! Confirms the caller's password, before a change that must not be made with a stolen token.

use super::{
    accounts::Accounts,
    caller::{Caller, Enrolling},
    fields::{CURRENT_PASSWORD, INCORRECT_PASSWORD},
    login_attempts::Outcome,
};
use crate::{
    crypto::password::{HashingPlace, NO_PASSWORD, Password, Verified},
    error::Error,
    store::{sign_in_failures::AttemptSource, users::Credentials},
    validation::{Validator, required_field},
};

impl Accounts {
    /// Checks the caller's password. Wrong passwords are counted per session, and delay further
    /// attempts as failed sign-ins do. A user without a password must have signed in a short time ago
    /// instead. Returns the place in the hashing queue, for more hashes.
    ///
    /// # Errors
    /// A field error when the password is missing or wrong; `ReauthenticationRequired` without a password
    /// and a recent sign-in; `TokenInvalid` for an account that was deleted in the meantime; `Throttled`;
    /// `Overloaded`.
    pub(super) async fn confirm_password(
        &self,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<HashingPlace, Error> {
        let stored = Credentials::password_hash(&self.0.database, caller.user().id).await?;
        if stored.as_deref() == Some(NO_PASSWORD) {
            self.require_recent_sign_in_of(caller)?;
            return self.0.hasher.reserve();
        }
        let password = Password::new(required_field(CURRENT_PASSWORD, current_password)?);
        let place = self.0.hasher.reserve()?;
        if !self.0.throttle_failed_sign_ins {
            self.check_password(stored, password, &place).await?;
            return Ok(place);
        }
        let source = AttemptSource::Session(caller.session_id);
        let attempt = self.start_attempt(source, &caller.user().email).await?;
        let checked = self.check_password(stored, password, &place).await;
        let outcome = match &checked {
            Ok(()) => Outcome::Right,
            Err(Error::Fields(_)) => Outcome::Wrong,
            Err(_) => Outcome::NotChecked,
        };
        self.record_outcome(&attempt, outcome).await?;
        checked.map(|()| place)
    }

    /// Adds the error of a missing password to those of other fields.
    pub(super) async fn require_password(
        &self,
        validator: &mut Validator,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        if self.has_password(caller).await? {
            validator.required(CURRENT_PASSWORD, current_password);
        }
        Ok(())
    }

    /// Whether the caller has a password.
    pub(super) async fn has_password(&self, caller: &Caller) -> Result<bool, Error> {
        let stored = Credentials::password_hash(&self.0.database, caller.user().id).await?;
        Ok(stored.as_deref() != Some(NO_PASSWORD))
    }

    async fn check_password(
        &self,
        stored: Option<String>,
        password: Password,
        place: &HashingPlace,
    ) -> Result<(), Error> {
        // The account may have been deleted since its token was checked.
        let stored = stored.ok_or(Error::TokenInvalid)?;
        let salt = self.random().bytes();
        let verified = place.verify(password, Some(&stored), salt).await?;
        if verified == Verified::Wrong {
            return Err(Error::field(CURRENT_PASSWORD, INCORRECT_PASSWORD));
        }
        Ok(())
    }

    /// Hashes a new password. Call it before anything is written: it may find no place in the queue.
    pub(super) async fn hash_password(&self, password: &str) -> Result<String, Error> {
        self.hash_in(&self.0.hasher.reserve()?, password).await
    }

    /// Hashes a new password in a place that is reserved already.
    pub(super) async fn hash_in(
        &self,
        place: &HashingPlace,
        password: &str,
    ) -> Result<String, Error> {
        let salt = self.random().bytes();
        place.hash(Password::new(password), salt).await
    }
}
