//! Who must have a second factor.

use std::str::FromStr;

use super::accounts::Accounts;
use crate::{error::Error, store::users::User};

/// Who must have a second factor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecondFactorPolicy {
    /// Nobody.
    #[default]
    Off,
    /// Administrators.
    Admins,
    /// Everyone.
    All,
}

/// The error of a text that names no [`SecondFactorPolicy`].
#[derive(Debug, thiserror::Error)]
#[error("expected off, admins or all")]
pub struct InvalidSecondFactorPolicy;

impl FromStr for SecondFactorPolicy {
    type Err = InvalidSecondFactorPolicy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "off" => Ok(Self::Off),
            "admins" => Ok(Self::Admins),
            "all" => Ok(Self::All),
            _ => Err(InvalidSecondFactorPolicy),
        }
    }
}

impl Accounts {
    /// Whether a user must have a second factor.
    pub(super) fn must_have_second_factor(&self, user: &User) -> bool {
        match self.0.require_second_factor {
            SecondFactorPolicy::Off => false,
            SecondFactorPolicy::Admins => user.is_admin,
            SecondFactorPolicy::All => true,
        }
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
