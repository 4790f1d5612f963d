//! Users as comma-separated values (RFC 4180), below a line with the names of the fields.

use std::io::{self, BufRead, Read};

use accounts::ImportedFields;
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use serde_json::Value;

use super::record::{Ignored, MAX_LENGTH, Record, Records};

/// What may stand before the line break at the end of a row.
const CARRIAGE_RETURN: &[u8] = b"\r";

/// A reader of rows.
pub struct Rows<R> {
    rows: Reader<Limited<R>>,
    /// The names of the columns; `None` for those that are ignored.
    columns: Vec<Option<String>>,
    ignored: Ignored,
}

impl<R: BufRead> Rows<R> {
    /// Reads the names of the fields. The error is a sentence.
    pub fn new(input: R) -> Result<Self, String> {
        let input = Limited {
            input,
            left: MAX_LENGTH,
        };
        // If a carriage return ended a row, the line break after it would belong to the next one, whose
        // number would be too small.
        let mut rows = ReaderBuilder::new()
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(input);
        let names = rows.headers();
        let names = names.map_err(|error| format!("the first line can't be read: {error}"))?;
        let (mut user, mut ignored) = (ImportedFields::default(), Ignored::default());
        let columns: Vec<_> = names
            .iter()
            .map(|name| {
                let name = name.trim();
                let is_known = user.set(name, Value::Null);
                if !is_known {
                    ignored.add(name);
                }
                is_known.then(|| name.to_owned())
            })
            .collect();
        if !columns.iter().flatten().any(|name| name == "email") {
            return Err("the first line must name the fields, and email among them".to_owned());
        }
        Ok(Self {
            rows,
            columns,
            ignored,
        })
    }

    fn user(&self, row: &ByteRecord) -> Result<ImportedFields, String> {
        let (found, expected) = (row.len(), self.columns.len());
        if found != expected {
            return Err(format!("it has {found} values for {expected} fields"));
        }
        let mut user = ImportedFields::default();
        for (name, value) in self.columns.iter().zip(row) {
            let Some(name) = name else { continue };
            let value = value.strip_suffix(CARRIAGE_RETURN).unwrap_or(value);
            let value = std::str::from_utf8(value).map_err(|_| "it is not valid UTF-8")?;
            if !value.is_empty() {
                user.set(name, Value::from(read_boolean(name, value)));
            }
        }
        Ok(user)
    }
}

/// Databases and spreadsheets spell truth values in several ways.
fn read_boolean<'a>(name: &str, value: &'a str) -> &'a str {
    let is_boolean = matches!(name, "is_active" | "is_admin" | "email_verified");
    match value.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" if is_boolean => "true",
        "false" | "f" | "0" if is_boolean => "false",
        _ => value,
    }
}

impl<R: BufRead> Records for Rows<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        let mut row = ByteRecord::new();
        loop {
            self.rows.get_mut().left = MAX_LENGTH;
            let line = self.rows.position().line();
            let read = self.rows.read_byte_record(&mut row);
            let failed = |error| format!("the row after line {line} can't be read: {error}");
            if !read.map_err(failed)? {
                return Ok(None);
            }
            if row.len() == 1 && &row[0] == CARRIAGE_RETURN {
                continue;
            }
            let line = row.position().map_or(line, csv::Position::line);
            return Ok(Some(Record::new(line, self.user(&row))));
        }
    }

    fn ignored(&self) -> Vec<String> {
        self.ignored.names()
    }
}

/// An input that ends with an error when too much of it belongs to one row, as it does after a quotation mark
/// that has no counterpart.
struct Limited<R> {
    input: R,
    left: usize,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let reason = "it has more than 262144 bytes; a quotation mark may be missing";
            return Err(io::Error::other(reason));
        }
        let length = buffer.len().min(self.left);
        let read = self.input.read(&mut buffer[..length])?;
        self.left -= read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<Vec<(u64, String)>, String> {
        let mut rows = Rows::new(text)?;
        let mut records = Vec::new();
        while let Some(record) = rows.next()? {
            let shown = record.user.map(|user| user.email().to_owned());
            records.push((record.line, shown.unwrap_or_else(|reason| reason)));
        }
        Ok(records)
    }

    #[test]
    fn reads_quoted_values_and_says_what_is_wrong_with_a_row() {
        let text =
            b"\xef\xbb\xbfname,email,shoe size\r\n\"Ada \"\"A\"\"\nL\",a@example.com,\r\nx\r\n\
            \xff,b@example.com,1\n,c@example.com,1\r\n\r\n,,\"d\"\r\n";
        let expected = [
            (2, "a@example.com"),
            (4, "it has 1 values for 3 fields"),
            (5, "it is not valid UTF-8"),
            (6, "c@example.com"),
            (8, ""),
        ];
        let expected = expected.map(|(line, text)| (line, text.to_owned()));
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn a_missing_quotation_mark_ends_the_file() {
        let mut text = b"email\n\"a@example.com\n".to_vec();
        text.resize(1_000_000, b'x');
        assert!(read(&text).is_err_and(|reason| reason.contains("quotation mark")));
        assert!(read(b"").is_err_and(|reason| reason.contains("email")));
        assert!(read(b"mail\nx\n").is_err_and(|reason| reason.contains("email")));
    }
}
