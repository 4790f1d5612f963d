//! The content of an email, independent of its format.

use languages::tr_later;
use serde::Serialize;

/// The note of emails about changes that only someone with the password can make.
pub(super) const NOT_YOU: &str =
    tr_later("If this wasn't you, change your password and sign out everywhere immediately.");

/// The content of an email, independent of its format.
#[derive(Default)]
pub(super) struct EmailContent {
    pub subject: &'static str,
    pub paragraphs: Vec<String>,
    pub link: Option<Link>,
    /// The code that does the same as the link, in groups of digits.
    pub code: Option<String>,
    /// When and from where it was requested.
    pub origin: Option<String>,
    /// The last paragraph, in small print: what to do if this is a surprise.
    pub note: &'static str,
}

/// The link of an email.
#[derive(Serialize)]
pub(super) struct Link {
    pub label: &'static str,
    pub url: String,
    /// How long and how often the link works.
    pub validity: &'static str,
}
