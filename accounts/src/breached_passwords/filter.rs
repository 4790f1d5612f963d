//! Looks passwords up in a filter file.

use std::{
    fmt,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha1::{Digest, Sha1};
use xorf::{BinaryFuse16, Filter};

use super::{
    hash::Hash,
    header::{Header, InvalidFilter},
    part::{PARTS, checksum, place},
};
use crate::crypto::password::Password;

/// The passwords that have appeared in data breaches: a file of which a part is read for each check. It
/// is opened once: a file that replaces it is read after a restart. Clones share it.
#[derive(Clone)]
pub struct BreachedPasswords(Arc<Inner>);

struct Inner {
    path: PathBuf,
    file: File,
    header: Header,
    /// Where the fingerprints of each part begin.
    offsets: Vec<u64>,
}

impl BreachedPasswords {
    /// Opens a file that [`build`](super::build()) has written.
    ///
    /// # Errors
    /// When it can't be read, is no such file, is of a newer version, or is not complete. Damages behind
    /// the header are found when that part is read, and by [`Self::verify`].
    pub fn open(path: &Path) -> Result<Self, InvalidFilter> {
        // Opening a pipe would wait for its other end.
        if !path.metadata()?.is_file() {
            return Err(InvalidFilter::Foreign);
        }
        let file = File::open(path)?;
        let header = Header::read(&file)?;
        let (expected, found) = (header.file_length(), file.metadata()?.len());
        if found != expected {
            return Err(InvalidFilter::Length { expected, found });
        }
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            file,
            offsets: header.offsets(),
            header,
        })))
    }

    /// The number of hashes that the filter was built from.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.0.header.keys
    }

    /// Reads all of the file.
    ///
    /// # Errors
    /// When it can't be read or is damaged.
    pub fn verify(&self) -> Result<(), InvalidFilter> {
        (0..PARTS).try_for_each(|part| self.read(part).map(drop))
    }

    /// Whether a password is in the list, in Normalization Form C or as it was typed. It is for one of
    /// 65,536 others, too.
    ///
    /// # Errors
    /// When the part of the file can't be read or is damaged.
    pub(crate) fn contains(&self, password: &Password) -> Result<bool, InvalidFilter> {
        for spelling in password.spellings() {
            if self.contains_hash(&Sha1::digest(spelling).into())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn contains_hash(&self, hash: &Hash) -> Result<bool, InvalidFilter> {
        let (part, key) = place(hash);
        let filter = self.read(part)?;
        Ok(filter.is_some_and(|filter| filter.contains(&key)))
    }

    /// Reads the filter of a part, if it has any hashes.
    fn read(&self, index: usize) -> Result<Option<BinaryFuse16>, InvalidFilter> {
        let Some(part) = &self.0.header.parts[index] else {
            return Ok(None);
        };
        let mut bytes = vec![0; part.length()];
        let offset = self.0.offsets[index];
        self.0.file.read_exact_at(&mut bytes, offset)?;
        if checksum(&bytes) != part.checksum {
            return Err(InvalidFilter::Damaged);
        }
        let (fingerprints, _) = bytes.as_chunks();
        Ok(Some(BinaryFuse16 {
            descriptor: part.descriptor.clone(),
            fingerprints: fingerprints
                .iter()
                .map(|bytes| u16::from_le_bytes(*bytes))
                .collect(),
        }))
    }
}

/// The path of the file.
impl fmt::Display for BreachedPasswords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.path.display().fmt(f)
    }
}
