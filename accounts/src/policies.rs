//! What an operator decides about accounts: who may create one, and who must have a second factor.

use std::str::FromStr;

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

impl SecondFactorPolicy {
    /// Whether a user must have a second factor.
    #[must_use]
    pub fn applies_to(self, is_admin: bool) -> bool {
        match self {
            Self::Off => false,
            Self::Admins => is_admin,
            Self::All => true,
        }
    }
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
