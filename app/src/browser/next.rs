//! Where to go after signing in: the `next` parameter of `/login`, `/register` and `/two-factor`.

use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, location::Url};

/// Where a signed-in person goes unless told otherwise.
pub const HOME: &str = "/account";

/// Takes a path of this site and nothing else, so that a link to the sign-in page can't send
/// people to a stranger's site.
///
/// Browsers read `\` as `/` and drop control characters, so `/\host` and `/<tab>/host` would lead
/// away as `//host` does.
#[must_use]
pub fn local_path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let local = !rest.starts_with('/') && !path.contains(|c: char| c == '\\' || c.is_control());
    local.then_some(path)
}

/// The page's `next` parameter where it is a local path.
#[must_use]
pub fn next() -> Option<String> {
    let query = use_query_map().get_untracked();
    local_path(&query.get("next")?).map(ToOwned::to_owned)
}

/// A link to one of these pages that carries `next` along.
#[must_use]
pub fn with_next(path: &str, next: Option<&str>) -> String {
    match next {
        // A slash may stand in a query as it is, and is easier to read.
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
