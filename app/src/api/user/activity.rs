//! The recent activity of an account.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::context::{accounts, authorize};
use crate::{
    api::{ApiError, Get},
    browser::SignedIn,
};

/// Something that has happened to the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in RFC 3339 and UTC; the last time, where it happened more than once.
    pub at: String,
    /// What, as a name: `signed_in`, `password_changed` …
    pub event: String,
    /// From which address; empty where an operator did it.
    pub ip: String,
    /// What the device calls itself; empty where it says nothing.
    pub user_agent: String,
    /// How often it happened within an hour; more than once only where it takes neither password
    /// nor token.
    pub count: i64,
}

/// `GET /api/user/activity`: returns the last 50 audit events of the account, newest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/activity", client = SignedIn)]
pub async fn activity() -> Result<Vec<Event>, ApiError> {
    let caller = authorize().await?;
    let events = accounts().activity(&caller).await?;
    Ok(events
        .into_iter()
        .map(|event| Event {
            at: event.at.to_string(),
            event: event.event,
            ip: event.ip,
            user_agent: event.user_agent,
            count: event.count,
        })
        .collect())
}
