//! Says how good a password is while a user is choosing it.

use super::{accounts::Accounts, fields::PASSWORD};
use crate::{
    crypto::password::{self, Strength},
    email::address::EmailAddress,
    error::Error,
    validation::required_field,
};

/// How good a password is.
#[derive(Clone, Debug)]
pub struct PasswordRating {
    /// How hard it is to guess.
    pub strength: Strength,
    /// The rules that it breaks, as sentences for the user: the same that creating an account reports.
    pub messages: Vec<&'static str>,
}

impl Accounts {
    /// Rates a password for an account with this email address. Nothing is stored or hashed.
    ///
    /// # Errors
    /// A field error when the password is missing; `Overloaded`.
    pub async fn rate_password(
        &self,
        password: Option<&str>,
        email: Option<&str>,
    ) -> Result<PasswordRating, Error> {
        let password = required_field(PASSWORD, password)?;
        // An email address that is not complete yet counts as none.
        let email = email.and_then(|email| EmailAddress::parse(email).ok());
        let email = email.as_ref().map(EmailAddress::as_str);
        let messages = self.password_errors(password, email).await?;
        let strength = if messages.is_empty() {
            password::strength(password)
        } else {
            Strength::Weak
        };
        Ok(PasswordRating { strength, messages })
    }
}
