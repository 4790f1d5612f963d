//! The languages of the pages, the API's messages and the emails.
//!
//! Texts are written in English where they are used, and marked by the function around them: [`tr`]
//! translates a text, [`tr_with`] one with values, [`tr_count`] one with a number, and [`tr_around`] one
//! with a value that is more than text; [`tr_later`] marks one that is translated later. The catalogs `catalogs/*.po` (GNU gettext) contain the other languages; a test fails
//! if they lack a text. See CONTRIBUTING.md.
//!
//! The server has all catalogs, and a language for each request ([`scope`]). A browser has one language, that of
//! its page, and loads its catalog before the app starts.

#[cfg(feature = "server")]
mod catalog;
mod fill;
mod language;

#[cfg(feature = "server")]
#[path = "server.rs"]
mod current;
#[cfg(not(feature = "server"))]
#[path = "browser.rs"]
mod current;

#[cfg(feature = "server")]
pub use catalog::{BrowserCatalog, browser_catalog};
pub use current::*;
pub use fill::fill;
pub use language::Language;

/// Returns the text in the current language.
#[must_use]
pub fn tr(text: &'static str) -> &'static str {
    translation(text).unwrap_or(text)
}

/// Returns the text in the current language, with the values in place of their names: `{email}`.
#[must_use]
pub fn tr_with(text: &'static str, values: &[(&str, &str)]) -> String {
    fill(tr(text), values)
}

/// Returns one of two texts in the current language, with the number in place of `{count}`. `one` is the text
/// for a single thing.
#[must_use]
pub fn tr_count(count: usize, one: &'static str, other: &'static str) -> String {
    let text = if language().is_singular(count) {
        one
    } else {
        other
    };
    fill(tr(text), &[("count", &count.to_string())])
}

/// Returns what is before and after a value of a text in the current language. The value is shown between them,
/// where it is more than text.
#[must_use]
pub fn tr_around(text: &'static str, name: &str) -> (&'static str, &'static str) {
    let text = tr(text);
    let parts = text.split_once('{').and_then(|(before, rest)| {
        let (value, after) = rest.split_once('}')?;
        (value == name).then_some((before, after))
    });
    parts.unwrap_or((text, ""))
}

/// Marks a text that [`tr`] translates elsewhere.
#[must_use]
pub const fn tr_later(text: &'static str) -> &'static str {
    text
}
