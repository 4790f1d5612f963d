//! Who may create an account without an administrator.

use std::str::FromStr;

use super::accounts::Accounts;
use crate::error::Error;

/// Who may create an account without an administrator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Everyone.
    #[default]
    Open,
    /// Those who were sent an invitation.
    Invite,
    /// Nobody.
    Closed,
}

/// The error of a text that names no [`RegistrationPolicy`].
#[derive(Debug, thiserror::Error)]
#[error("expected open, invite or closed")]
pub struct InvalidRegistrationPolicy;

impl FromStr for RegistrationPolicy {
    type Err = InvalidRegistrationPolicy;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "open" => Ok(Self::Open),
            "invite" => Ok(Self::Invite),
            "closed" => Ok(Self::Closed),
            _ => Err(InvalidRegistrationPolicy),
        }
    }
}

impl Accounts {
    /// Who may create an account without an administrator.
    #[must_use]
    pub fn registration_policy(&self) -> RegistrationPolicy {
        self.0.registration
    }

    /// Checks that registration is possible, with or without an invitation.
    ///
    /// # Errors
    /// `PermissionDenied`.
    pub fn require_registration(&self, has_invitation: bool) -> Result<(), Error> {
        match self.0.registration {
            RegistrationPolicy::Open => Ok(()),
            RegistrationPolicy::Invite if has_invitation => Ok(()),
            RegistrationPolicy::Invite | RegistrationPolicy::Closed => Err(Error::PermissionDenied),
        }
    }
}
