//! Users as JSON lines: one object per line.

use std::io::{self, BufRead};

use accounts::ImportedFields;

use super::record::{Ignored, MAX_LENGTH, Record, Records, read_object, too_long};

/// What some editors write before the text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A reader of JSON lines.
pub struct JsonLines<R> {
    input: R,
    line: u64,
    ignored: Ignored,
}

impl<R: BufRead> JsonLines<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            ignored: Ignored::default(),
        }
    }

    /// Reads a line, without more of it than is allowed. Returns `None` at the end.
    fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut has_begun = false;
        loop {
            let part = self.input.fill_buf()?;
            if part.is_empty() {
                return Ok(has_begun.then_some(line));
            }
            has_begun = true;
            let end = part.iter().position(|byte| *byte == b'\n');
            let text = &part[..end.unwrap_or(part.len())];
            // One byte more shows that the line is too long.
            let room = (MAX_LENGTH + 1).saturating_sub(line.len());
            line.extend_from_slice(&text[..text.len().min(room)]);
            let length = end.map_or(part.len(), |end| end + 1);
            self.input.consume(length);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }

    fn user(&mut self, line: &[u8]) -> Result<ImportedFields, String> {
        if line.len() > MAX_LENGTH {
            return Err(too_long());
        }
        let mut user = ImportedFields::default();
        for (name, value) in read_object(line)? {
            // Auth0 has another name for it.
            let known = if name == "passwordHash" {
                "password_hash"
            } else {
                &name
            };
            if !user.set(known, value) {
                self.ignored.add(&name);
            }
        }
        Ok(user)
    }
}

impl<R: BufRead> Records for JsonLines<R> {
    fn next(&mut self) -> Result<Option<Record>, String> {
        loop {
            let number = self.line + 1;
            let failed = |error| format!("line {number} can't be read: {error}");
            let Some(line) = self.read_line().map_err(failed)? else {
                return Ok(None);
            };
            self.line = number;
            let mut line = &*line;
            if number == 1 {
                line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if number == 1 && line.trim_ascii_start().starts_with(b"[") {
                return Err(
                    "it begins with a JSON array; if it is from Django's dumpdata, add --format django, \
                     otherwise write one object per line"
                        .to_owned(),
                );
            }
            return Ok(Some(Record::new(number, self.user(line))));
        }
    }

    fn ignored(&self) -> Vec<String> {
        self.ignored.names()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the lines with the email addresses or the reasons.
    fn read(text: &[u8]) -> Vec<(u64, String)> {
        // With a small buffer, so that lines lie across its ends.
        let input = io::BufReader::with_capacity(7, text);
        let mut lines = JsonLines::new(input);
        let mut records = Vec::new();
        while let Some(record) = lines.next().unwrap() {
            let shown = record.user.map(|user| user.email().to_owned());
            records.push((record.line, shown.unwrap_or_else(|reason| reason)));
        }
        records
    }

    #[test]
    fn reads_one_user_per_line() {
        let text =
            "\u{feff}{\"email\":\"a@example.com\"}\r\n\n  {\"email\":\"b@example.com\",\"x\":1}";
        let expected = [
            (1, "a@example.com".to_owned()),
            (3, "b@example.com".to_owned()),
        ];
        assert_eq!(read(text.as_bytes()), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n\n"), []);
    }

    #[test]
    fn says_what_is_wrong_with_a_line_and_reads_on() {
        let long = format!("{{\"email\":\"{}\"}}", "x".repeat(5_000_000));
        let nested = "[".repeat(1000);
        let texts: [&[u8]; 7] = [
            b"{\"email\": \"secret",
            b"{\"email\": secret}",
            b"\"secret\"",
            b"{\"email\": \"\xff\"}",
            long.as_bytes(),
            nested.as_bytes(),
            b"{\"email\":\"last@example.com\"}",
        ];
        let records = read(&texts.join(&b'\n'));
        let reasons: Vec<_> = records.iter().map(|(_, reason)| &**reason).collect();
        assert_eq!(records.len(), 7);
        assert_eq!(
            reasons,
            [
                "it ends in the middle of a JSON object",
                "it is not JSON, from column 11 on",
                "it is not a JSON object",
                "it is not valid UTF-8",
                "it has more than 262144 bytes",
                "it is not JSON, from column 128 on",
                "last@example.com",
            ]
        );
        assert_eq!(records[6].0, 7);
    }

    #[test]
    fn a_json_array_is_no_lines() {
        let mut lines = JsonLines::new(&b"[\n{\"email\": \"a@example.com\"}]"[..]);
        assert!(
            lines
                .next()
                .is_err_and(|reason| reason.contains("--format django"))
        );
    }
}
