//! The page to open after signing in: the `next` parameter of `/login`, `/register` and `/two-factor`.

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, location::Url};

/// The page that opens after signing in by default.
pub const HOME: &str = "/account";

/// Returns `path` if it is a path of this site, so that a link to the sign-in page can't redirect
/// to another site.
///
/// Browsers read `\` as `/` and drop control characters, so `/\host` and `/<tab>/host` name
/// another host, as `//host` does.
#[must_use]
pub fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let local = !rest.starts_with('/') && !path.contains(|c: char| c == '\\' || c.is_control());
    local.then_some(path)
}

/// Returns the page's `next` parameter if it is a local path.
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
    fn only_paths_of_this_site_are_followed() {
        for path in [
            "/",
            "/account",
            "/account?tab=1#devices",
            "/a//b",
            "/%2F%2Fhost",
        ] {
            assert_eq!(local_path(path), Some(path));
        }
        for elsewhere in [
            "",
            "account",
            "//host",
            "/\\host",
            "\\\\host",
            "/\t/host",
            "/\n/host",
            "https://host",
            "javascript:alert(1)",
            " /account",
        ] {
            assert_eq!(local_path(elsewhere), None, "{elsewhere:?}");
        }
    }
}
