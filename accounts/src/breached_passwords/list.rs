//! The public list of hashes, as text: one SHA-1 hash per line in hexadecimal digits, mostly with a colon and the
//! number of times that the password was seen. It is sorted by the hashes.

use std::io::{self, BufRead, Read};

use super::{
    build_error::BuildError,
    hash::{HASH_LENGTH, Hash},
};

/// The longest line in bytes, with its end. A count needs up to 20 digits.
const MAX_LINE: usize = 80;

/// Reads a list line by line. Each line takes the place of the one before.
pub(super) struct List<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    min_count: u64,
    last: Hash,
}

impl<R: BufRead> List<R> {
    /// Reads the hashes that were seen at least this number of times. One without a count was seen once.
    pub fn new(input: R, min_count: u64) -> Self {
        Self {
            input,
            line: Vec::new(),
            number: 0,
            min_count,
            last: [0; HASH_LENGTH],
        }
    }

    /// Returns the next hash, or `None` at the end.
    ///
    /// # Errors
    /// When the list can't be read, is not sorted, or has another kind of line.
    pub fn next(&mut self) -> Result<Option<Hash>, BuildError> {
        while self.read_line().map_err(BuildError::Read)? {
            let was_cut = self.line.len() == MAX_LINE && !self.line.ends_with(b"\n");
            let line = self.line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let parsed = parse(line).filter(|_| !was_cut);
            let (hash, count) = parsed.ok_or(BuildError::Line(self.number))?;
            if hash < self.last {
                return Err(BuildError::Order(self.number));
            }
            self.last = hash;
            if count >= self.min_count {
                return Ok(Some(hash));
            }
        }
        Ok(None)
    }

    /// Reads a line, or as much of it as the longest may have. Returns false at the end.
    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        self.number += 1;
        let mut input = (&mut self.input).take(MAX_LINE as u64);
        Ok(input.read_until(b'\n', &mut self.line)? > 0)
    }
}

/// Parses a hash and its count.
fn parse(line: &[u8]) -> Option<(Hash, u64)> {
    let (digits, count) = line.split_at_checked(2 * HASH_LENGTH)?;
    let mut hash = [0; HASH_LENGTH];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = 16 * digit(pair[0])? + digit(pair[1])?;
    }
    if count.is_empty() {
        return Some((hash, 1));
    }
    let count = std::str::from_utf8(count.strip_prefix(b":")?).ok()?;
    Some((hash, count.parse().ok()?))
}

/// The value of a hexadecimal digit.
fn digit(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: &str = "000000005AD76BD555C1D6D771DE417A4B87E4B4";
    const HIGH: &str = "FFFFFFFEE791CBAC0F6305CAF0CEE06BBE131160";

    fn read(text: &str, min_count: u64) -> Result<Vec<Hash>, String> {
        let mut list = List::new(text.as_bytes(), min_count);
        let mut hashes = Vec::new();
        loop {
            match list.next() {
                Ok(Some(hash)) => hashes.push(hash),
                Ok(None) => return Ok(hashes),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn starts(text: &str, min_count: u64) -> Vec<u8> {
        let hashes = read(text, min_count).expect("a list");
        hashes.iter().map(|hash| hash[0]).collect()
    }

    #[test]
    fn reads_both_kinds_of_lines() {
        for text in [
            format!("{LOW}:10\n{HIGH}:2\n"),
            format!("{LOW}:10\r\n{HIGH}:2\r\n"),
            format!("{LOW}\n{HIGH}"),
            format!("\n{LOW}:1\n\n{HIGH} \n"),
            format!("{}\n{HIGH}\n", LOW.to_lowercase()),
            format!("{LOW}:18446744073709551615\n{HIGH}:1"),
        ] {
            assert_eq!(starts(&text, 1), [0x00, 0xff], "{text:?}");
        }
        let hash = read(LOW, 1).expect("a list")[0];
        assert_eq!(hash[3..8], [0x00, 0x5a, 0xd7, 0x6b, 0xd5]);
        assert!(starts("", 1).is_empty());
    }

    #[test]
    fn leaves_out_what_was_seen_less_often() {
        let text = format!("{LOW}:10\n{HIGH}:2\n");
        assert_eq!(starts(&text, 2), [0x00, 0xff]);
        assert_eq!(starts(&text, 3), [0x00]);
        assert!(starts(&text, 11).is_empty());
        assert_eq!(starts(LOW, 1), [0x00]);
        assert!(starts(LOW, 2).is_empty());
    }

    #[test]
    fn names_the_line_that_it_can_not_read() {
        let long = format!("{HIGH}:{}", "1".repeat(100_000));
        let spaces = format!("{HIGH}{}:1", " ".repeat(100));
        for line in [
            "password",
            &HIGH[1..],
            &format!("{HIGH}A"),
            &format!("{HIGH}:"),
            &format!("{HIGH}:-1"),
            &format!("{HIGH}:18446744073709551616"),
            &format!("{HIGH}:1:1"),
            &HIGH.replace('C', "G"),
            &HIGH.replace('C', "é"),
            "\u{0}",
            &long,
            &spaces,
        ] {
            let error = read(&format!("{LOW}:1\n{line}\n"), 1).expect_err("an invalid line");
            assert_eq!(
                error,
                "line 2 of the list is not a SHA-1 hash of 40 hexadecimal digits, alone or with :<count>",
                "{line:.100}"
            );
        }
        assert_eq!(
            read(&format!("{HIGH}:1\n{LOW}:1\n"), 1).expect_err("a list that is not sorted"),
            "line 2 of the list is less than the line before: sort the list first, such as with LC_ALL=C sort"
        );
    }
}
