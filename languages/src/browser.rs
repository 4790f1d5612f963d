//! The language of the page in a browser.

use std::{collections::BTreeMap, sync::OnceLock};

use crate::Language;

/// The language of the page, and its catalog. English needs none.
static PAGE: OnceLock<(Language, BTreeMap<String, String>)> = OnceLock::new();

/// Sets the language of the page, before the app starts. The catalog is that of
/// `browser_catalog`; one that can't be read leaves the page in English.
pub fn set_language(language: Language, catalog: &str) {
    if let Ok(catalog) = serde_json::from_str(catalog) {
        // A second call would be for the same page.
        let _ = PAGE.set((language, catalog));
    }
}

/// Returns the language of the page.
#[must_use]
pub fn language() -> Language {
    PAGE.get()
        .map_or(Language::English, |(language, _)| *language)
}

/// Returns a text in the language of the page.
pub(crate) fn translation(text: &str) -> Option<&'static str> {
    let (_, catalog) = PAGE.get()?;
    catalog.get(text).map(String::as_str)
}
