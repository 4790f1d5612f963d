//! Confirms the caller's password, before a change that must not be made with a stolen token.

use super::{
    accounts::Accounts,
    caller::Authorized,
    fields::{CURRENT_PASSWORD, INCORRECT_PASSWORD},
};
use crate::{
    crypto::password::{Password, Verified},
    error::Error,
    store::{sign_in_failures::AttemptSource, users::Credentials},
    validation::required_field,
};

impl Accounts {
    /// Checks the caller's password. Wrong passwords are counted per session, and delay further
    /// attempts as failed sign-ins do.
    pub(super) async fn confirm_password(
        &self,
        caller: &Authorized,
        current_password: Option<&str>,
    ) -> Result<(), Error> {
        let password = Password::new(required_field(CURRENT_PASSWORD, current_password)?);
        if !self.0.throttle_failed_sign_ins {
            return self.check_password(caller, password).await;
        }
        let database = &self.0.database;
        let source = AttemptSource::Session(caller.session_id);
        let attempt = self.start_attempt(source, &caller.user().email).await?;
        let checked = self.check_password(caller, password).await;
        match &checked {
            Ok(()) => attempt.was_right(database).await,
            Err(Error::Fields(_)) => attempt.was_wrong(database, self.now()).await,
            Err(_) => attempt.take_back(database).await,
        }?;
        checked
    }

    async fn check_password(&self, caller: &Authorized, password: Password) -> Result<(), Error> {
        // The account may have been deleted since its token was checked.
        let stored = Credentials::password_hash(&self.0.database, caller.user().id)
            .await?
            .ok_or(Error::TokenInvalid)?;
        let salt = self.random().bytes();
        let verified = self.0.hasher.verify(password, Some(&stored), salt).await?;
        if verified == Verified::Wrong {
            return Err(Error::field(CURRENT_PASSWORD, INCORRECT_PASSWORD));
        }
        Ok(())
    }

    /// Hashes a new password.
    pub(super) async fn hash_password(&self, password: &str) -> Result<String, Error> {
        let salt = self.random().bytes();
        self.0.hasher.hash(Password::new(password), salt).await
    }
}
