//! Passwords: the rules for new ones, and their hashes.

mod common;
mod hashing;
mod rules;

/// Stands for the hash of an account without a password. No password matches it.
pub(crate) const NO_PASSWORD: &str = "!";

pub(crate) use hashing::{Hasher, Password, Verified};
pub use hashing::{HashingCost, InvalidHashingCost};
pub(crate) use rules::check;
