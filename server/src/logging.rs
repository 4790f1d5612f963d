//! Logging to standard error.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    borrow::Cow,
    fmt::Write as _,
    io::{self, IsTerminal, Write, stderr, stdout},
    panic::{self, PanicHookInfo},
};

use accounts::{Clock, SystemClock, is_control, printable};
use serde_json::json;
use tracing_subscriber::{fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{config::LogConfig, failure::Failure};

/// Initializes logging, of panics as well.
pub fn start(config: &LogConfig) {
    let registry = tracing_subscriber::registry().with(config.filter.clone());
    if config.json {
        let layer = fmt::layer().json().flatten_event(true);
        let layer = layer.log_internal_errors(false);
        registry
            .with(layer.with_writer(|| Lines(escaped_json)))
            .init();
    } else if stderr().is_terminal() {
        let layer = fmt::layer().with_ansi(true);
        registry
            .with(layer.with_writer(|| Lines(colored_line)))
            .init();
    } else {
        let layer = fmt::layer().with_ansi(false);
        registry.with(layer.with_writer(|| Lines(printable))).init();
    }
    panic::set_hook(Box::new(log_panic));
}

/// Logs a panic as one line, which has the fields of its request, with the backtrace that `RUST_BACKTRACE` asks for.
fn log_panic(info: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let is_captured = backtrace.status() == BacktraceStatus::Captured;
    tracing::error!(
        reason = info.payload_as_str(),
        location = info.location().map(tracing::field::display),
        backtrace = is_captured.then(|| tracing::field::display(&backtrace)),
        "panicked"
    );
}

/// Says on standard error why the program stops, as a line of the log if that is JSON.
pub fn report(failure: &Failure, is_json: bool) {
    let line = if is_json {
        json_line("ERROR", &failure.to_string())
    } else {
        format!("latchkey: {failure}")
    };
    // If standard error is closed, nothing can be reported.
    let _ = writeln!(stderr(), "{line}");
}

/// Says something on standard output, as a line of the log if that is JSON: both often end up in the same place.
pub fn announce(message: &str, is_json: bool) {
    let line = if is_json {
        json_line("INFO", message)
    } else {
        printable(message).into_owned()
    };
    // Nobody may be listening to standard output.
    let _ = writeln!(stdout(), "{line}");
}

/// Returns a line in JSON with the fields that every line of the log has.
fn json_line(level: &str, message: &str) -> String {
    let line = json!({
        "timestamp": SystemClock.now().to_string(),
        "level": level,
        "message": message,
        "target": "latchkey",
    });
    escaped_json(&line.to_string()).into_owned()
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
pub fn escaped_json(line: &str) -> Cow<'_, str> {
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
    use std::{env, process::Command, thread};

    use tracing_subscriber::EnvFilter;

    use super::*;

    #[test]
    fn a_line_controls_no_terminal() {
        let hostile = "a\x1b[2J\u{9b}A\r\nb\u{202e}\u{e0001}";
        assert_eq!(
            colored_line(&format!("\x1b[1;32mok\x1b[0m {hostile}")),
            "\x1b[1;32mok\x1b[0m a\\u{1b}[2J\\u{9b}A\\u{d}\\u{a}b\\u{202e}\\u{e0001}"
        );
        let json = escaped_json("{\"a\":\"\u{7f}\u{9b}\u{202e}\u{e0001}é\"}");
        assert_eq!(json, r#"{"a":"\u007f\u009b\u202e\udb40\udc01é"}"#);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(value["a"], "\u{7f}\u{9b}\u{202e}\u{e0001}é");
        assert!(matches!(escaped_json("{\"a\":\"é\"}"), Cow::Borrowed(_)));
    }

    /// The hook is the whole process', so a process of its own panics.
    #[test]
    fn a_panic_is_one_line_in_json() {
        const PANICS: &str = "LATCHKEY_TEST_PANICS";
        if env::var_os(PANICS).is_some() {
            start(&LogConfig {
                filter: EnvFilter::new("info"),
                json: true,
            });
            let span = tracing::info_span!("request", request_id = "abc");
            let panics = move || span.in_scope(|| panic!("not\ngood"));
            assert!(thread::spawn(panics).join().is_err());
            return;
        }
        let output = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "logging::tests::a_panic_is_one_line_in_json"])
            .arg("--nocapture")
            .env(PANICS, "yes")
            .env_remove("RUST_BACKTRACE")
            .output()
            .expect("this program starts");
        assert!(output.status.success(), "{output:?}");
        let log = String::from_utf8(output.stderr).expect("UTF-8");
        let value: serde_json::Value = serde_json::from_str(&log).expect("one line in JSON");
        assert_eq!(log.lines().count(), 1, "{log}");
        let named = ["level", "message", "reason"].map(|name| value[name].clone());
        assert_eq!(named, ["ERROR", "panicked", "not\ngood"]);
        assert_eq!(value["span"]["request_id"], "abc", "{log}");
        let location = value["location"].as_str().expect("a location");
        assert!(location.starts_with("server/src/logging.rs:"), "{location}");
    }
}
