//! Whether registration is possible.

use super::accounts::Accounts;
use crate::{error::Error, policies::RegistrationPolicy};

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
