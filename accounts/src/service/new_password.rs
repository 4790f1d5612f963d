//! Checks a password that somebody chooses, wherever one can be chosen.

use languages::tr_later;

use super::accounts::Accounts;
use crate::{
    crypto::password::{self, Password},
    error::Error,
    validation::Validator,
};

const BREACHED: &str = tr_later(
    "This password has appeared in a data breach, so attackers try it. Choose another one.",
);

impl Accounts {
    /// Returns the password that a field holds, if it may be used with this email address on this site.
    /// Otherwise the validator has the errors.
    ///
    /// # Errors
    /// As [`Self::password_errors`].
    pub(super) async fn check_new_password<'a>(
        &self,
        validator: &mut Validator,
        field: &'static str,
        value: Option<&'a str>,
        email: Option<&str>,
    ) -> Result<Option<&'a str>, Error> {
        let Some(password) = validator.required(field, value) else {
            return Ok(None);
        };
        for message in self.password_errors(password, email).await? {
            validator.reject(field, message);
        }
        Ok(validator.is_valid(field).then_some(password))
    }

    /// Returns what is wrong with a new password, as sentences for the user. Breached passwords are looked up
    /// only if it breaks no other rule, as that reads a file.
    ///
    /// # Errors
    /// `Overloaded`; `Internal` when the file can't be read. Then no new password is accepted: nobody would
    /// notice that breached ones are.
    pub(super) async fn password_errors(
        &self,
        password: &str,
        email: Option<&str>,
    ) -> Result<Vec<&'static str>, Error> {
        let mut errors = password::check(password, email, self.site());
        if errors.is_empty() && self.is_breached(password).await? {
            errors.push(BREACHED);
        }
        Ok(errors)
    }

    /// Whether a password is known to have appeared in a data breach.
    async fn is_breached(&self, password: &str) -> Result<bool, Error> {
        let Some(breached) = self.0.breached_passwords.clone() else {
            return Ok(false);
        };
        let password = Password::new(password);
        let place = self.0.hasher.reserve()?;
        let found = place.run_other(move || breached.contains(&password));
        found.await?.map_err(|error| {
            Error::internal("LATCHKEY_BREACHED_PASSWORDS can't be searched", error)
        })
    }
}
