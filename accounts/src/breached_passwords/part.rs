//! One of the parts of a filter file: the hashes with the same first 12 bits.

use sha2::{Digest, Sha256};
use xorf::Descriptor;

use super::hash::Hash;

/// The number of parts, each with a filter of its own.
pub(super) const PARTS: usize = 4096;

/// The length of a part's entry in the header in bytes.
pub(super) const PART_LENGTH: usize = 32;

/// The most hashes of one part: 16 times those in a list of a billion.
pub(super) const MAX_PART_KEYS: usize = 1 << 22;

/// The most fingerprints of one part, so that a check needs no more than 16 MiB.
const MAX_FINGERPRINTS: u32 = 1 << 23;

/// The longest segment that the library makes.
const MAX_SEGMENT: u32 = 1 << 18;

/// The filter of a part, without its fingerprints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub descriptor: Descriptor,
    /// The beginning of the SHA-256 of the fingerprints.
    pub checksum: [u8; 16],
}

impl Part {
    /// The length of the fingerprints in bytes.
    pub fn length(&self) -> usize {
        2 * (self.descriptor.segment_count_length + 2 * self.descriptor.segment_length) as usize
    }

    /// Returns the entry of the header.
    pub fn encode(&self) -> [u8; PART_LENGTH] {
        let mut bytes = [0; PART_LENGTH];
        bytes[..8].copy_from_slice(&self.descriptor.seed.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.descriptor.segment_length.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.descriptor.segment_count_length.to_le_bytes());
        bytes[16..].copy_from_slice(&self.checksum);
        bytes
    }

    /// Reads an entry of the header. Returns `None` if the library could read beyond the fingerprints with
    /// these numbers.
    pub fn decode(mut bytes: &[u8]) -> Option<Self> {
        let seed = u64::from_le_bytes(take(&mut bytes)?);
        let segment_length = u32::from_le_bytes(take(&mut bytes)?);
        let segment_count_length = u32::from_le_bytes(take(&mut bytes)?);
        let is_valid = segment_length.is_power_of_two()
            && segment_length <= MAX_SEGMENT
            && (segment_length..=MAX_FINGERPRINTS).contains(&segment_count_length)
            && segment_count_length % segment_length == 0;
        is_valid.then_some(Self {
            descriptor: Descriptor {
                seed,
                segment_length,
                segment_length_mask: segment_length.wrapping_sub(1),
                segment_count_length,
            },
            checksum: take(&mut bytes)?,
        })
    }
}

/// Removes this number of bytes from the beginning.
pub(super) fn take<const LENGTH: usize>(bytes: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// Returns the part that a hash belongs to, and its key there. The keys of a part are in the order of the hashes.
pub(super) fn place(hash: &Hash) -> (usize, u64) {
    let [first, rest @ ..] = hash;
    let key = rest.first_chunk().copied().map_or(0, u64::from_be_bytes);
    (usize::from(*first) << 4 | usize::from(rest[0] >> 4), key)
}

/// Returns the beginning of the SHA-256 of a part's fingerprints.
pub(super) fn checksum(fingerprints: &[u8]) -> [u8; 16] {
    let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _]: [u8; 32] =
        Sha256::digest(fingerprints).into();
    first
}
