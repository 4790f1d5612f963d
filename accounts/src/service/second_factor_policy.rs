//! Whether a user has the factors that the account needs.

use super::{accounts::Accounts, caller::Enrolling};
use crate::{
    error::Error,
    store::{sign_in_ways::SignInWays, users::User},
};

impl Accounts {
    /// Whether a user must have a second factor.
    pub(super) fn must_have_second_factor(&self, user: &User) -> bool {
        self.0.require_second_factor.applies_to(user.is_admin)
    }

    /// Checks that the caller may set up another factor: who must have a second one, and has a passkey, uses that
    /// before. Otherwise a thief of the password could put an own factor beside it.
    ///
    /// # Errors
    /// `OtpRequired`.
    pub(super) async fn check_set_up(&self, caller: &Enrolling) -> Result<(), Error> {
        let user = caller.user();
        if !caller.second_factor
            && self.must_have_second_factor(user)
            && SignInWays::of_user(&self.0.database, user.id)
                .await?
                .has_passkeys()
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
pub(super) fn require_completion(user: &User, is_completed: bool) -> Result<(), Error> {
    if user.otp_enabled && !is_completed {
        return Err(Error::OtpRequired);
    }
    Ok(())
}
