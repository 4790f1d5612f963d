//! The pages for administrators: their paths, names and icons.

use languages::tr;

use crate::components::IconName;
/// A page for administrators, except those of single users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminPage {
    /// The users.
    Users,
    /// The invitations that wait.
    Invitations,
    /// The events of all users.
    Activity,
    /// The keys of services.
    Keys,
    /// The webhooks of services.
    Webhooks,
}

impl AdminPage {
    /// Every page, in the order of the navigation.
    pub const ALL: [Self; 5] = [
        Self::Users,
        Self::Invitations,
        Self::Activity,
        Self::Keys,
        Self::Webhooks,
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
            Self::Users => "/admin",
            Self::Invitations => "/admin/invitations",
            Self::Activity => "/admin/activity",
            Self::Keys => "/admin/keys",
            Self::Webhooks => "/admin/webhooks",
        }
    }

    /// Returns the page's name in the navigation.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => tr("Users"),
            Self::Invitations => tr("Invitations"),
            Self::Activity => tr("All activity"),
            Self::Keys => tr("Service keys"),
            Self::Webhooks => tr("Webhooks"),
        }
    }

    /// Returns the page's icon.
    #[must_use]
    pub const fn icon(self) -> IconName {
        match self {
            Self::Users => IconName::Users,
            Self::Invitations => IconName::Email,
            Self::Activity => IconName::History,
            Self::Keys => IconName::Key,
            Self::Webhooks => IconName::Webhook,
        }
    }
}

/// What the paths of users' pages begin with.
const USER: &str = "/admin/users/";

/// Returns the path of a user's page.
#[must_use]
pub fn user_path(id: &str) -> String {
    format!("{USER}{id}")
}

/// Returns whether this is the path of a user's page.
#[must_use]
pub fn is_user_path(path: &str) -> bool {
    path.strip_prefix(USER).is_some_and(is_id)
}

/// Returns whether this is an id: a UUID as the server writes it.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let is_right = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_right)
}

#[cfg(test)]
mod tests {
    use super::{is_user_path, user_path};

    #[test]
    fn users_have_pages_of_their_own() {
        let id = "0198c1f0-5f3b-7c39-8a51-1f2e3d4c5b6a";
        assert!(is_user_path(&user_path(id)));
        for path in [
            "/admin/users/",
            "/admin/users/x",
            "/admin/users",
            "//host",
            &format!("/admin/users/{id}/"),
        ] {
            assert!(!is_user_path(path), "{path}");
        }
    }
}
