//! `latchkey audit`: what has happened to an account.

use std::io::Write;

use accounts::AuditEvent;

use super::users::{in_one_line, with_accounts};
use crate::{config::Config, failure::Failure};

/// `latchkey audit`: a line for each event, newest first, its columns separated by tabs: the time of
/// the last time, the event, how often, the address and the device.
pub fn list(config: &Config, email: &str, limit: u32) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let events = accounts.audit(email.into(), limit).await;
        let events = events.map_err(|error| in_one_line(error, email))?;
        let mut out = std::io::stdout().lock();
        let mut lines = events.iter().map(line);
        match lines.try_for_each(|line| writeln!(out, "{line}")) {
            // Whoever reads has seen enough, as in `| head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::new),
        }
    })
}

fn line(event: &AuditEvent) -> String {
    [
        &event.at.to_string(),
        &event.event,
        &event.count.to_string(),
        &or_dash(&event.ip),
        &or_dash(&event.user_agent),
    ]
    .map(String::as_str)
    .join("\t")
}

/// A text that anybody may have sent: it must not command the terminal, nor make columns of its own.
fn or_dash(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        text => text.replace(char::is_control, " "),
    }
}
