//! The page to open after signing in: the `next` parameter of `/login`, `/register` and `/two-factor`.

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, location::Url};

use crate::{
    account_pages::AccountPage,
    admin_pages::{AdminPage, is_user_path},
};

/// The page that opens after signing in by default.
pub const HOME: &str = AccountPage::Overview.path();

/// The pages that may follow. Pages for signed-out visitors would lead back to where one comes from.
const PAGES: [&str; 12] = [
    AccountPage::Overview.path(),
    AccountPage::Profile.path(),
    AccountPage::Security.path(),
    AccountPage::Devices.path(),
    AccountPage::Activity.path(),
    AccountPage::Delete.path(),
    "/activate",
    "/device",
    "/email",
    "/email/undo",
    "/forgot",
    "/reset",
];

/// Returns `target` if it is one of the app's own pages, with any query and fragment.
///
/// A path that is literally one of these can't be understood in two ways: `//host`, `/\host`,
/// `/./host`, `/<tab>/host` and `/account/../login` are none of them.
#[must_use]
pub fn local_path(target: &str) -> Option<&str> {
    let path = target.split(['?', '#']).next()?;
    let is_clean = !target.contains(char::is_control);
    let is_page = PAGES.contains(&path) || AdminPage::find(path).is_some() || is_user_path(path);
    (is_clean && is_page).then_some(target)
}

/// Returns the page's `next` parameter if it is one of the app's own pages.
#[must_use]
pub fn next() -> Option<String> {
    let query = use_query_map().get_untracked();
    local_path(&query.get("next")?).map(ToOwned::to_owned)
}

/// Returns a link to one of these pages that keeps `next`.
#[must_use]
pub fn with_next(path: &str, next: Option<&str>) -> String {
    match next {
        // A slash is allowed in a query, and easier to read than its escape.
        Some(next) => format!("{path}?next={}", Url::escape(next).replace("%2F", "/")),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn only_pages_of_the_app_are_followed() {
        for path in [
            "/account",
            "/account?tab=1#devices",
            "/account/profile",
            "/account/security",
            "/account/delete?from=mail",
            "/account?next=//host",
            "/email/undo",
            "/admin?search=ada",
            "/admin/keys",
            "/admin/users/0198c1f0-5f3b-7c39-8a51-1f2e3d4c5b6a",
        ] {
            assert_eq!(local_path(path), Some(path));
        }
        for elsewhere in [
            "",
            "account",
            "//host",
            "///host",
            "/\\host",
            "\\\\host",
            "/.//host",
            "/./account",
            "/account/..//host",
            "/account/security/",
            "/account/nowhere",
            "/account/../login",
            "/%2F%2Fhost",
            "/\t/host",
            "/\n/host",
            "/account\n",
            "/account?\r\n",
            "https://host",
            "javascript:alert(1)",
            " /account",
            "/accounts",
            "/admin/users/../../login",
            "/admin/users",
            "/account@host",
            "/account:80",
        ] {
            assert_eq!(local_path(elsewhere), None, "{elsewhere:?}");
        }
    }

    #[test]
    fn pages_that_lead_back_are_not_followed() {
        for path in [
            "/",
            "/login",
            "/login?next=/account",
            "/register",
            "/two-factor",
        ] {
            assert_eq!(local_path(path), None, "{path}");
        }
    }
}
