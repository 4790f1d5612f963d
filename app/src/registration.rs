//! Who may create an account on this server, as its pages know it.

/// Who may create an account without an administrator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    #[default]
    Open,
    /// Those who were sent an invitation.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// The name in the attribute of `<html>`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }

    /// Returns what the server's page says. It is the same while the page is rendered on the server and
    /// in the browser.
    #[must_use]
    pub fn of_server() -> Self {
        #[cfg(feature = "ssr")]
        {
            let server = leptos::prelude::use_context::<crate::ServerInfo>();
            server.map(|server| server.registration).unwrap_or_default()
        }
        #[cfg(not(feature = "ssr"))]
        {
            let name = crate::hydration::root_attribute("data-registration");
            [Self::Invite, Self::Closed]
                .into_iter()
                .find(|policy| name.as_deref() == Some(policy.as_str()))
                .unwrap_or_default()
        }
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::RegistrationPolicy> for Registration {
    fn from(policy: accounts::RegistrationPolicy) -> Self {
        match policy {
            accounts::RegistrationPolicy::Open => Self::Open,
            accounts::RegistrationPolicy::Invite => Self::Invite,
            accounts::RegistrationPolicy::Closed => Self::Closed,
        }
    }
}
