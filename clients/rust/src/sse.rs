//! Server-sent events: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.

use serde::Deserialize;

use crate::revoked::Entry;

/// The maximum length of an event in bytes. One with 1,000 entries has about 130,000.
const LIMIT: usize = 1024 * 1024;

/// An event of the stream of revocations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part of what is revoked when the stream begins.
    Snapshot(Snapshot),
    /// What is revoked now.
    Revoked(Entry),
    /// Everything that was committed before this time, in milliseconds, was told.
    Heartbeat(u64),
}

/// A part of what is revoked when the stream begins.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Snapshot {
    /// How long to rely on a heartbeat, in milliseconds.
    pub lease_ms: u64,
    pub revoked: Vec<Entry>,
    /// Whether this is the last part.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Heartbeat {
    at: u64,
}

/// What was received does not follow the protocol.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Splits what arrives into events.
#[derive(Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// Whether the last line ended with CR, so that an LF belongs to that end.
    after_cr: bool,
    name: String,
    data: String,
}

impl Parser {
    /// Reads bytes, and passes on the events that they complete.
    pub fn read(
        &mut self,
        bytes: &[u8],
        mut handle: impl FnMut(Event) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (end, text) = match piece.split_last() {
                Some((end @ (b'\n' | b'\r'), text)) => (Some(*end), text),
                _ => (None, piece),
            };
            let is_rest_of_crlf = self.after_cr && text.is_empty() && end == Some(b'\n');
            self.after_cr = end == Some(b'\r');
            if is_rest_of_crlf {
                continue;
            }
            if self.line.len() + self.data.len() + text.len() > LIMIT {
                return Err(Malformed);
            }
            self.line.extend_from_slice(text);
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                if let Some(event) = self.end_line(&line)? {
                    handle(event)?;
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self, line: &[u8]) -> Result<Option<Event>, Malformed> {
        let line = std::str::from_utf8(line).map_err(|_| Malformed)?;
        if line.is_empty() {
            let (name, data) = (
                std::mem::take(&mut self.name),
                std::mem::take(&mut self.data),
            );
            return if data.is_empty() {
                Ok(None)
            } else {
                parse(&name, &data)
            };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                if !self.data.is_empty() {
                    self.data.push('\n');
                }
                self.data.push_str(value);
            }
            // Comments and other fields.
            _ => {}
        }
        Ok(None)
    }
}

/// Parses an event. One with another name is left out: a later version of the server may send it.
fn parse(name: &str, data: &str) -> Result<Option<Event>, Malformed> {
    fn json<'a, T: Deserialize<'a>>(data: &'a str) -> Result<T, Malformed> {
        serde_json::from_str(data).map_err(|_| Malformed)
    }
    Ok(match name {
        "snapshot" => Some(Event::Snapshot(json(data)?)),
        "revoked" => Some(Event::Revoked(json(data)?)),
        "heartbeat" => Some(Event::Heartbeat(json::<Heartbeat>(data)?.at)),
        _ => None,
    })
}
