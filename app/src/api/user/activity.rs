//! The recent activity of an account.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::context::{accounts, authorize};
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::{
    api::{ApiError, Get},
    browser::SignedIn,
};

/// An audit event of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, in RFC 3339 and UTC; the last time if `count` is above 1.
    pub at: String,
    /// The name of the event: `signed_in`, `password_changed` …
    pub event: String,
    /// The IP address of the client; empty for an operator at the command line.
    pub ip: String,
    /// The `User-Agent` header of the request; empty if it had none.
    pub user_agent: String,
    /// A name made from the user agent: `Firefox on Windows`, `curl`, `Unknown device`; empty for an
    /// operator at the command line.
    pub device: String,
    /// How often it happened within an hour. Only events that take no password are counted
    /// together: those of visitors, and changes of the profile.
    pub count: i64,
    /// The name of the provider that it is about. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// `GET /api/user/activity`: returns the last 50 audit events of the account, newest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/activity", client = SignedIn)]
pub async fn activity() -> Result<Vec<Event>, ApiError> {
    let caller = authorize().await?;
    let events = accounts().activity(&caller).await?;
    Ok(events.into_iter().map(event).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Activity>("List the recent activity of the account", Access::Token)
}

/// An event in the list of its user.
#[cfg(feature = "ssr")]
pub(in crate::api) fn event(event: accounts::AuditEvent) -> Event {
    Event {
        at: event.at.to_string(),
        event: event.event,
        device: if event.ip.is_empty() {
            String::new()
        } else {
            accounts::device_name(&event.user_agent)
        },
        ip: event.ip,
        user_agent: event.user_agent,
        count: event.count,
        provider: event.provider,
    }
}
