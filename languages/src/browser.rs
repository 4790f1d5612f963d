//! The language of the page in a browser.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use crate::Language;

// A page has one thread.
thread_local! {
    static LANGUAGE: Cell<Language> = const { Cell::new(Language::English) };
    static TEXTS: RefCell<BTreeMap<String, &'static str>> = const { RefCell::new(BTreeMap::new()) };
}

/// Sets the language of the page, before the app starts.
pub fn set_language(language: Language) {
    LANGUAGE.set(language);
}

/// Adds a text of the page's catalog, before the app starts. It stays as long as the page.
pub fn add_text(text: String, translation: String) {
    TEXTS.with_borrow_mut(|texts| texts.insert(text, translation.leak()));
}

/// Returns the language of the page.
#[must_use]
pub fn language() -> Language {
    LANGUAGE.get()
}

/// Returns a text in the language of the page.
pub(crate) fn translation(text: &str) -> Option<&'static str> {
    TEXTS.with_borrow(|texts| texts.get(text).copied())
}
