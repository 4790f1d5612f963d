//! Why a filter file can't be built.

use std::io;

use super::part::MAX_PART_KEYS;

/// Why no filter can be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The list can't be read.
    #[error("can't read the list: {0}")]
    Read(#[source] io::Error),
    /// The file can't be written.
    #[error("can't write the file: {0}")]
    Write(#[source] io::Error),
    /// The line with this number is no hash.
    #[error(
        "line {0} of the list is not a SHA-1 hash of 40 hexadecimal digits, alone or with :<count>"
    )]
    Line(u64),
    /// The line with this number belongs before the one before it.
    #[error(
        "line {0} of the list is less than the line before: sort the list first, such as with LC_ALL=C sort"
    )]
    Order(u64),
    /// The list has no hash, or none that was seen often enough.
    #[error("the list has no hash that was seen often enough")]
    Empty,
    /// More hashes begin alike than those of passwords do.
    #[error("more than {MAX_PART_KEYS} hashes of the list begin with {0:03X}: they are not SHA-1")]
    TooMany(usize),
    /// The library finds no filter.
    #[error("can't build the filter of hashes that begin with {0:03X}")]
    Construction(usize),
}
