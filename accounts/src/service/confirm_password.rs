//! Confirms the caller's password, before a change that must not be made with a stolen token.

use super::{
    accounts::Accounts,
    caller::Enrolling,
    fields::{CURRENT_PASSWORD, INCORRECT_PASSWORD},
    login_attempts::Outcome,
};
use crate::{
    crypto::password::{HashingPlace, Password, Verified},
    error::Error,
    store::{sign_in_failures::AttemptSource, users::Credentials},
    validation::required_field,
};

impl Accounts {
    /// Checks the caller's password. Wrong passwords are counted per session, and delay further
    /// attempts as failed sign-ins do. Returns the place in the hashing queue, for more hashes.
    pub(super) async fn confirm_password(
        &self,
        caller: &Enrolling,
        current_password: Option<&str>,
    ) -> Result<HashingPlace, Error> {
        let password = Password::new(required_field(CURRENT_PASSWORD, current_password)?);
        let place = self.0.hasher.reserve()?;
        if !self.0.throttle_failed_sign_ins {
            self.check_password(caller, password, &place).await?;
            return Ok(place);
        }
        let source = AttemptSource::Session(caller.session_id);
        let attempt = self.start_attempt(source, &caller.user().email).await?;
        let checked = self.check_password(caller, password, &place).await;
        let outcome = match &checked {
            Ok(()) => Outcome::Right,
            Err(Error::Fields(_)) => Outcome::Wrong,
            Err(_) => Outcome::NotChecked,
        };
        self.record_outcome(&attempt, outcome).await?;
        checked.map(|()| place)
    }

    async fn check_password(
        &self,
        caller: &Enrolling,
        password: Password,
        place: &HashingPlace,
    ) -> Result<(), Error> {
        // The account may have been deleted since its token was checked.
        let stored = Credentials::password_hash(&self.0.database, caller.user().id)
            .await?
            .ok_or(Error::TokenInvalid)?;
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
