//! The pages of the account: their paths, names and icons.

use languages::tr;

use crate::components::IconName;

/// A page of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountPage {
    /// What is secure, what to do next, and what has happened.
    Overview,
    /// The name, the roles, and a copy of the user's data.
    Profile,
    /// Password, email address and second factor.
    Security,
    /// The signed-in devices.
    Devices,
    /// The recent events.
    Activity,
    /// Deletes the account.
    Delete,
}

impl AccountPage {
    /// Every page, in the order of the navigation.
    pub const ALL: [Self; 6] = [
        Self::Overview,
        Self::Profile,
        Self::Security,
        Self::Devices,
        Self::Activity,
        Self::Delete,
    ];

    /// Returns the page with this path.
    #[must_use]
    pub fn find(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.path() == path)
    }

    /// Returns the page's path.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Overview => "/account",
            Self::Profile => "/account/profile",
            Self::Security => "/account/security",
            Self::Devices => "/account/devices",
            Self::Activity => "/account/activity",
            Self::Delete => "/account/delete",
        }
    }

    /// Returns the page's name in the navigation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => tr("Overview"),
            Self::Profile => tr("Profile"),
            Self::Security => tr("Security"),
            Self::Devices => tr("Devices"),
            Self::Activity => tr("Activity"),
            Self::Delete => tr("Delete account"),
        }
    }

    /// Returns the page's icon.
    #[must_use]
    pub const fn icon(self) -> IconName {
        match self {
            Self::Overview => IconName::Overview,
            Self::Profile => IconName::Profile,
            Self::Security => IconName::Security,
            Self::Devices => IconName::Computer,
            Self::Activity => IconName::History,
            Self::Delete => IconName::Delete,
        }
    }
}
