//! The languages.

use std::fmt;

/// A language. English is the one in which texts are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// German.
    German,
    /// French.
    French,
}

impl Language {
    /// All languages.
    pub const ALL: [Self; 3] = [Self::English, Self::German, Self::French];

    /// Returns the code of the language (ISO 639-1).
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
            Self::French => "fr",
        }
    }

    /// Returns the name of the language in the language itself.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::German => "Deutsch",
            Self::French => "Français",
        }
    }

    /// Returns the language of a tag (BCP 47), such as `de` or `de-CH`, whatever its region.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next()?;
        Self::ALL
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.code()))
    }

    /// Whether this number of things takes the singular.
    #[must_use]
    pub(crate) const fn is_singular(self, count: usize) -> bool {
        match self {
            Self::English | Self::German => count == 1,
            Self::French => count < 2,
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn a_tag_counts_whatever_its_region_and_case() {
        assert_eq!(Language::from_tag("de"), Some(Language::German));
        assert_eq!(Language::from_tag("de-CH-1996"), Some(Language::German));
        assert_eq!(Language::from_tag("FR-ca"), Some(Language::French));
        assert_eq!(Language::from_tag("den"), None);
        assert_eq!(Language::from_tag(""), None);
    }
}
