//! The header of a filter file, which is checked before anything else is read.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::part::{PART_LENGTH, PARTS, Part, take};

const MAGIC: [u8; 8] = *b"LKBREACH";
const VERSION: u32 = 1;

/// The bits of a fingerprint: one of 2^16 other passwords is taken for a breached one.
const FINGERPRINT_BITS: u32 = 16;

const CHECKSUM_LENGTH: usize = 32;

/// The length of the header in bytes.
pub(super) const HEADER_LENGTH: usize = 24 + PARTS * PART_LENGTH + CHECKSUM_LENGTH;

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidFilter {
    /// It can't be read.
    #[error("can't read it: {0}")]
    Read(#[from] io::Error),
    /// It is another kind of file.
    #[error("it is not a file that latchkey passwords build has written")]
    Foreign,
    /// It was written by a later version of this program.
    #[error("it has format {0}, but this program reads format {VERSION}; build it again")]
    Newer(u32),
    /// It does not end where it should.
    #[error("it has {found} bytes instead of {expected}; build it again")]
    Length {
        /// The length that the header says.
        expected: u64,
        /// The length of the file.
        found: u64,
    },
    /// It is not what was written.
    #[error("it is damaged, or was changed while it was open; build it again")]
    Damaged,
}

/// What the header of a filter file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of hashes that the filter was built from.
    pub keys: u64,
    /// The parts, [`PARTS`] of them. One without hashes is `None`.
    pub parts: Vec<Option<Part>>,
}

impl Header {
    /// Returns the bytes of the header.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(FINGERPRINT_BITS.to_le_bytes());
        bytes.extend(self.keys.to_le_bytes());
        for part in &self.parts {
            bytes.extend(part.as_ref().map_or([0; PART_LENGTH], Part::encode));
        }
        let checksum = Sha256::digest(&bytes);
        bytes.extend(checksum);
        bytes
    }

    /// Reads the header at the beginning of a file.
    ///
    /// # Errors
    /// When it can't be read, or anything in it is not as this program writes it.
    pub fn read(input: impl Read) -> Result<Self, InvalidFilter> {
        let mut bytes = Vec::with_capacity(HEADER_LENGTH);
        input.take(HEADER_LENGTH as u64).read_to_end(&mut bytes)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(InvalidFilter::Foreign);
        }
        let mut rest = &bytes[MAGIC.len()..];
        let version = take(&mut rest).map(u32::from_le_bytes);
        if let Some(version) = version.filter(|version| *version > VERSION) {
            return Err(InvalidFilter::Newer(version));
        }
        if bytes.len() < HEADER_LENGTH {
            return Err(InvalidFilter::Length {
                expected: HEADER_LENGTH as u64,
                found: bytes.len() as u64,
            });
        }
        let (content, checksum) = bytes.split_at(HEADER_LENGTH - CHECKSUM_LENGTH);
        if Sha256::digest(content)[..] != *checksum {
            return Err(InvalidFilter::Damaged);
        }
        Self::decode(version, rest).ok_or(InvalidFilter::Damaged)
    }

    /// Reads what is behind the version.
    fn decode(version: Option<u32>, mut rest: &[u8]) -> Option<Self> {
        let bits = u32::from_le_bytes(take(&mut rest)?);
        if version != Some(VERSION) || bits != FINGERPRINT_BITS {
            return None;
        }
        let keys = u64::from_le_bytes(take(&mut rest)?);
        let parts = (0..PARTS).map(|_| match take(&mut rest)? {
            bytes if bytes == [0; PART_LENGTH] => Some(None),
            bytes => Part::decode(&bytes).map(Some),
        });
        let parts = parts.collect::<Option<_>>()?;
        Some(Self { keys, parts })
    }

    /// Returns where the fingerprints of each part begin.
    pub fn offsets(&self) -> Vec<u64> {
        let mut next = HEADER_LENGTH as u64;
        let offsets = self.parts.iter().map(|part| {
            let offset = next;
            next += part.as_ref().map_or(0, Part::length) as u64;
            offset
        });
        offsets.collect()
    }

    /// Returns the length of the whole file in bytes.
    pub fn file_length(&self) -> u64 {
        let parts = self.parts.iter().flatten();
        HEADER_LENGTH as u64 + parts.map(|part| part.length() as u64).sum::<u64>()
    }
}

/// Whether a file begins like a filter, of whatever version.
///
/// # Errors
/// When it can't be read.
pub fn is_filter(file: impl Read) -> io::Result<bool> {
    let mut start = Vec::new();
    file.take(MAGIC.len() as u64).read_to_end(&mut start)?;
    Ok(start == MAGIC)
}
