//! `latchkey audit`: the audit events of an account.

use accounts::{AuditEvent, printable};
use app::api::admin::AdminEvent;

use super::{
    json_line,
    users::{failure, with_accounts},
    write_lines,
};
use crate::{config::Config, failure::Failure};

/// `latchkey audit`: prints one line per event, newest first, with tab-separated columns: the time
/// of the last occurrence, the event, the number of occurrences, the IP address and the user agent. If
/// the first occurrence came from elsewhere, its IP address and user agent follow. What an administrator or a
/// service has done has a column that says who that was. The last column names the request, if there was one.
pub fn list(config: &Config, email: &str, limit: u32, is_json: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let events = accounts.audit(email.into(), limit).await;
        let events = events.map_err(|error| failure(error, email))?;
        write_lines(events.into_iter().map(|event| {
            if is_json {
                json_line(&AdminEvent::from(event))
            } else {
                line(&event)
            }
        }))
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
    let actor = actor(event);
    let request = event.request_id.as_ref();
    let request = request.map(|id| format!("request {id}"));
    columns.extend(actor.as_deref());
    columns.extend(request.as_deref());
    // A tab in what a client has sent would add a column.
    let columns: Vec<_> = columns.into_iter().map(printable).collect();
    columns.join("\t")
}

/// Who has changed somebody else's account: `by user ada@example.com`.
fn actor(event: &AuditEvent) -> Option<String> {
    let (kind, id) = event.actor_kind.as_deref().zip(event.actor_id)?;
    let kind = kind.replace('_', " ");
    Some(match &event.actor_name {
        Some(name) => format!("by {kind} {name}"),
        None => format!("by {kind} {id}"),
    })
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}
