//! Passwords: what they may be, and how they are kept.

mod common;
mod hashing;
mod rules;

pub(crate) use hashing::{Hasher, Verified};
pub use hashing::{HashingCost, InvalidHashingCost};
pub(crate) use rules::check;

use secrecy::{ExposeSecret, SecretString};

/// A password as a person typed it. It can't be printed, and is wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct Password(SecretString);

impl Password {
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}
