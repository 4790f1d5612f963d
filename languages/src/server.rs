//! The language of each request.

use tokio::task::futures::TaskLocalFuture;

use crate::{Language, catalog};

tokio::task_local! {
    static LANGUAGE: Option<Language>;
}

/// The longest list of languages that is read, in bytes.
const MAX_LENGTH: usize = 256;

impl Language {
    /// Returns the first language of the header `Accept-Language` (RFC 9110, 12.5.4) that there is.
    #[must_use]
    pub fn accepted(header: &str) -> Option<Self> {
        if header.len() > MAX_LENGTH {
            return None;
        }
        // What browsers send begins with the language that they prefer, without a weight: nothing comes
        // before it.
        let first = header.split(',').next().unwrap_or_default().trim();
        let preferred = Self::from_tag(first).filter(|_| !first.contains(';'));
        if preferred.is_some() {
            return preferred;
        }
        accept_language::parse_with_quality(header)
            .into_iter()
            .filter(|(_, quality)| *quality > 0.0)
            .find_map(|(tag, _)| Self::from_tag(&tag))
    }
}

/// Runs a future in the language that a client has stated, if any.
pub fn scope<F: Future>(
    language: Option<Language>,
    future: F,
) -> TaskLocalFuture<Option<Language>, F> {
    LANGUAGE.scope(language, future)
}

/// Runs a function in a language.
pub fn in_language<R>(language: Language, function: impl FnOnce() -> R) -> R {
    LANGUAGE.sync_scope(Some(language), function)
}

/// Returns the language of the current request, if the client has stated one.
#[must_use]
pub fn stated_language() -> Option<Language> {
    LANGUAGE.try_get().ok().flatten()
}

/// Returns the language of the current request. It is English outside of [`scope`] and [`in_language`].
#[must_use]
pub fn language() -> Language {
    stated_language().unwrap_or_default()
}

/// Returns a text in the current language.
pub(crate) fn translation(text: &str) -> Option<&'static str> {
    catalog::translation(language(), text)
}

#[cfg(test)]
mod tests {
    use crate::Language;

    #[test]
    fn the_best_language_that_there_is_wins() {
        assert_eq!(
            Language::accepted("fr-CH, de;q=0.9"),
            Some(Language::French)
        );
        assert_eq!(
            Language::accepted("de;q=0.2,en;q=0.3"),
            Some(Language::English)
        );
        assert_eq!(
            Language::accepted("de-CH;q=0.2,en;q=0.3"),
            Some(Language::English)
        );
        assert_eq!(
            Language::accepted("it, de;q=0.5, *;q=0.1"),
            Some(Language::German)
        );
        assert_eq!(
            Language::accepted("de;q=0, fr;q=0.1"),
            Some(Language::French)
        );
        assert_eq!(Language::accepted("*"), None);
        assert_eq!(Language::accepted(""), None);
        assert_eq!(Language::accepted(&"de,".repeat(100)), None);
    }
}
