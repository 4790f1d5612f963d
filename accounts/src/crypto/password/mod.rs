//! Passwords: the rules for new ones, and their hashes.

mod common;
mod hashing;
mod rules;

pub(crate) use hashing::{Hasher, Password, Verified};
pub use hashing::{HashingCost, InvalidHashingCost};
pub(crate) use rules::check;
