//! Passwords that have appeared in data breaches: a file that is built once from a public list of their
//! hashes, and that says of a password whether it is in the list.
//!
//! The file has a filter (binary fuse filters, <https://arxiv.org/abs/2201.01174>) for each of 4096 parts of the
//! hashes, so that neither building it nor a check needs more memory than one part. All numbers are little-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `LKBREACH` |
//! | 4 | version of the format, 1 |
//! | 4 | bits of a fingerprint, 16 |
//! | 8 | number of hashes |
//! | 4096 × 32 | for each part: seed (8), length of a segment (4), length of all segments that begin a triple (4), the first 16 bytes of the SHA-256 of its fingerprints. All zero if it has no hashes |
//! | 32 | SHA-256 of all of the above |
//! | the rest | the fingerprints of each part in turn, 2 bytes each |
//!
//! A hash belongs to the part that its first 12 bits number. Its key in the filter is the big-endian number in
//! its bytes 1 to 8.

mod build;
mod build_error;
mod filter;
mod hash;
mod header;
mod list;
mod part;
#[cfg(test)]
mod tests;

pub use build::{BuiltFilter, build};
pub use build_error::BuildError;
pub use filter::BreachedPasswords;
pub use header::{InvalidFilter, is_filter};
