//! What stands for a password in the public list.

/// The length of a SHA-1 hash in bytes.
pub(super) const HASH_LENGTH: usize = 20;

/// A SHA-1 hash of a password.
pub(super) type Hash = [u8; HASH_LENGTH];
