//! Whether a user has the factors that the account needs.

use super::accounts::Accounts;
use crate::{
    error::Error,
    store::{passkeys, users::User},
};

impl Accounts {
    /// Whether a user must have a second factor.
    pub(super) fn must_have_second_factor(&self, user: &User) -> bool {
        self.0.require_second_factor.applies_to(user.is_admin)
    }

    /// Checks that a user who has not completed a second factor has none: who must have one, and has a passkey, uses
    /// that. A thief of the password must not get to set up another one.
    ///
    /// # Errors
    /// `OtpRequired`.
    pub(super) async fn check_enrolling(
        &self,
        user: &User,
        is_completed: bool,
    ) -> Result<(), Error> {
        require_completion(user, is_completed)?;
        if !is_completed
            && self.must_have_second_factor(user)
            && passkeys::exist(&self.0.database, user.id).await?
        {
            return Err(Error::OtpRequired);
        }
        Ok(())
    }

    /// Checks that a user has completed a second factor, such as a passkey, or may do without one.
    ///
    /// # Errors
    /// `OtpRequired`; `SecondFactorSetupRequired`.
    pub(super) fn check_second_factor(&self, user: &User, is_completed: bool) -> Result<(), Error> {
        require_completion(user, is_completed)?;
        if !is_completed && self.must_have_second_factor(user) {
            return Err(Error::SecondFactorSetupRequired);
        }
        Ok(())
    }
}

/// Checks that a user who has a second factor has completed it.
///
/// # Errors
/// `OtpRequired`.
fn require_completion(user: &User, is_completed: bool) -> Result<(), Error> {
    if user.otp_enabled && !is_completed {
        return Err(Error::OtpRequired);
    }
    Ok(())
}
