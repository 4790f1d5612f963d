//! Passwords: the rules for new ones, and their hashes.

mod common;
mod cost;
mod entered;
mod formats;
mod hashing;
mod rules;
mod stored;
mod strength;
mod verify;

/// Stands for the hash of an account without a password. No password matches it.
pub(crate) const NO_PASSWORD: &str = "!";

pub use cost::{HashingCost, InvalidHashingCost};
pub(crate) use entered::Password;
pub(crate) use hashing::{Hasher, HashingPlace};
pub(crate) use rules::{Site, check};
pub use strength::Strength;
pub(crate) use strength::strength;
pub(crate) use verify::Verified;
