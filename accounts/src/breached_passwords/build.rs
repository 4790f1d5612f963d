//! Builds a filter file from the public list.

use std::{
    fs::File,
    io::{BufRead, BufWriter, Seek, SeekFrom, Write},
};

use xorf::{BinaryFuse16, Filter};

use super::{
    build_error::BuildError,
    header::{HEADER_LENGTH, Header},
    list::List,
    part::{MAX_PART_KEYS, PARTS, Part, checksum, place},
};

/// A filter file that was built.
#[derive(Debug, PartialEq, Eq)]
pub struct BuiltFilter {
    /// The number of hashes.
    pub keys: u64,
    /// The length of the file in bytes.
    pub length: u64,
}

/// Builds a filter file from a list that is sorted by the hashes, of those that were seen at least `min_count`
/// times. Needs memory for one of 4096 parts. An error leaves the file without a header.
///
/// # Errors
/// When the list can't be read or is none, or the file can't be written.
pub fn build(
    list: impl BufRead,
    mut file: &File,
    min_count: u64,
) -> Result<BuiltFilter, BuildError> {
    let start = file.write_all(&[0; HEADER_LENGTH]);
    start.map_err(BuildError::Write)?;
    let mut builder = Builder {
        file: BufWriter::new(file),
        header: Header {
            keys: 0,
            parts: Vec::with_capacity(PARTS),
        },
        keys: Vec::new(),
    };
    let mut list = List::new(list, min_count);
    while let Some(hash) = list.next()? {
        let (part, key) = place(&hash);
        builder.finish_parts_before(part)?;
        builder.add(key)?;
    }
    builder.finish_parts_before(PARTS)?;
    builder.finish()
}

struct Builder<'a> {
    file: BufWriter<&'a File>,
    /// The header with the parts that are complete.
    header: Header,
    /// The keys of the next part, sorted.
    keys: Vec<u64>,
}

impl Builder<'_> {
    fn add(&mut self, key: u64) -> Result<(), BuildError> {
        // The library's filters are for keys that differ.
        if self.keys.last() == Some(&key) {
            return Ok(());
        }
        if self.keys.len() == MAX_PART_KEYS {
            return Err(BuildError::TooMany(self.header.parts.len()));
        }
        self.keys.push(key);
        Ok(())
    }

    fn finish_parts_before(&mut self, end: usize) -> Result<(), BuildError> {
        while self.header.parts.len() < end {
            let part = self.write_part()?;
            self.header.parts.push(part);
            self.header.keys += self.keys.len() as u64;
            self.keys.clear();
        }
        Ok(())
    }

    /// Writes the fingerprints of the next part, if it has any keys.
    fn write_part(&mut self) -> Result<Option<Part>, BuildError> {
        if self.keys.is_empty() {
            return Ok(None);
        }
        let failed = || BuildError::Construction(self.header.parts.len());
        let filter = BinaryFuse16::try_from(&self.keys).map_err(|_| failed())?;
        // A password that is not found would be accepted without a word.
        if !self.keys.iter().all(|key| filter.contains(key)) {
            return Err(failed());
        }
        let fingerprints = filter.fingerprints.iter().copied();
        let bytes: Vec<u8> = fingerprints.flat_map(u16::to_le_bytes).collect();
        self.file.write_all(&bytes).map_err(BuildError::Write)?;
        Ok(Some(Part {
            descriptor: filter.descriptor,
            checksum: checksum(&bytes),
        }))
    }

    /// Writes the header in its place.
    fn finish(self) -> Result<BuiltFilter, BuildError> {
        if self.header.keys == 0 {
            return Err(BuildError::Empty);
        }
        let file = self.file.into_inner();
        let mut file = file.map_err(|error| BuildError::Write(error.into_error()))?;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&self.header.encode()))
            .map_err(BuildError::Write)?;
        Ok(BuiltFilter {
            keys: self.header.keys,
            length: self.header.file_length(),
        })
    }
}
