//! A password as somebody has entered it.

use secrecy::{ExposeSecret, SecretString};

use crate::text;

/// A password in Normalization Form C, so that it is the same on every keyboard and system (NIST SP
/// 800-63B, section 3.1.1.2). It can't be printed, and is wiped from memory when it is dropped.
#[derive(Clone)]
pub(crate) struct Password {
    pub(super) text: SecretString,
    /// The password as it was typed, if that is another text: hashes from before passwords were
    /// normalized may be of it.
    pub(super) typed: Option<SecretString>,
}

impl Password {
    pub fn new(text: &str) -> Self {
        let normalized = text::nfc(text);
        Self {
            typed: (normalized != text).then(|| text.into()),
            text: SecretString::from(normalized.into_owned()),
        }
    }

    /// The password in Normalization Form C, and as it was typed, if that is another text.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        let all = [Some(&self.text), self.typed.as_ref()];
        all.into_iter().flatten().map(ExposeSecret::expose_secret)
    }
}
