//! Logging to standard error.

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::{self, IsTerminal, Write, stderr},
};

use accounts::{is_control, printable};
use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogConfig;

/// Initializes logging.
pub fn start(config: &LogConfig) {
    let registry = tracing_subscriber::registry().with(config.filter.clone());
    if config.json {
        let layer = fmt::layer().json().flatten_event(true);
        registry.with(layer.with_writer(|| Lines(json_line))).init();
    } else if stderr().is_terminal() {
        let layer = fmt::layer().with_ansi(true);
        registry
            .with(layer.with_writer(|| Lines(colored_line)))
            .init();
    } else {
        let layer = fmt::layer().with_ansi(false);
        registry.with(layer.with_writer(|| Lines(printable))).init();
    }
}

/// Writes each event as one line to standard error, with nothing in it that a terminal would obey:
/// parts of it may come from clients, the database or a mail server.
struct Lines(fn(&str) -> Cow<'_, str>);

impl Write for Lines {
    /// Writes an event, which the layer passes as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        match (self.0)(line) {
            Cow::Borrowed(_) => stderr().write_all(event)?,
            Cow::Owned(line) => stderr().write_all(format!("{line}\n").as_bytes())?,
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Escapes as JSON does. Control characters of JSON can only be within strings.
fn json_line(line: &str) -> Cow<'_, str> {
    if !line.contains(is_control) {
        return line.into();
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_control(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string can't fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

/// The start of a color (ECMA-48, 8.3.117), which an `m` ends.
const COLOR: &str = "\x1b[";

/// Keeps the colors that the layer adds, and escapes everything else.
fn colored_line(line: &str) -> Cow<'_, str> {
    let mut parts = line.split(COLOR);
    let mut escaped = printable(parts.next().unwrap_or_default()).into_owned();
    for part in parts {
        let text = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let (color, text) = match text.strip_prefix('m') {
            Some(text) => part.split_at(part.len() - text.len()),
            None => ("", part),
        };
        if color.is_empty() {
            escaped.push_str(&printable(COLOR));
        } else {
            escaped.push_str(COLOR);
            escaped.push_str(color);
        }
        escaped.push_str(&printable(text));
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_controls_no_terminal() {
        let hostile = "a\x1b[2J\u{9b}A\r\nb\u{202e}\u{e0001}";
        assert_eq!(
            colored_line(&format!("\x1b[1;32mok\x1b[0m {hostile}")),
            "\x1b[1;32mok\x1b[0m a\\u{1b}[2J\\u{9b}A\\u{d}\\u{a}b\\u{202e}\\u{e0001}"
        );
        let json = json_line("{\"a\":\"\u{7f}\u{9b}\u{202e}\u{e0001}é\"}");
        assert_eq!(json, r#"{"a":"\u007f\u009b\u202e\udb40\udc01é"}"#);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["a"], "\u{7f}\u{9b}\u{202e}\u{e0001}é");
        assert!(matches!(json_line("{\"a\":\"é\"}"), Cow::Borrowed(_)));
    }
}
