//! `latchkey audit`: the audit events of an account.

use std::io::Write;

use accounts::{AuditEvent, printable};

use super::users::{failure, with_accounts};
use crate::{config::Config, failure::Failure};

/// `latchkey audit`: prints one line per event, newest first, with tab-separated columns: the time
/// of the last occurrence, the event, the number of occurrences, the IP address and the user agent. If
/// the first occurrence came from elsewhere, its IP address and user agent follow.
pub fn list(config: &Config, email: &str, limit: u32) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let events = accounts.audit(email.into(), limit).await;
        let events = events.map_err(|error| failure(error, email))?;
        let mut out = std::io::stdout().lock();
        let mut lines = events.iter().map(line);
        match lines.try_for_each(|line| writeln!(out, "{line}")) {
            // The reader has closed the pipe, as `head` does.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::new),
        }
    })
}

fn line(event: &AuditEvent) -> String {
    let (at, count) = (event.at.to_string(), event.count.to_string());
    let mut columns = vec![
        &*at,
        &*event.event,
        &*count,
        or_dash(&event.ip),
        or_dash(&event.user_agent),
    ];
    if let (Some(ip), Some(user_agent)) = (&event.first_ip, &event.first_user_agent)
        && (ip, user_agent) != (&event.ip, &event.user_agent)
    {
        columns.extend([or_dash(ip), or_dash(user_agent)]);
    }
    // A tab in what a client has sent would add a column.
    let columns: Vec<_> = columns.into_iter().map(printable).collect();
    columns.join("	")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
