//! What has happened to accounts.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, administrator},
    text::text_fields,
};
use crate::{
    api::{ApiError, Query, Text},
    browser::SignedIn,
};

/// An audit event as administrators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdminEvent {
    /// The event's id, a UUID.
    pub id: String,
    /// The id of the user whose account it is about; null if it was deleted.
    pub user: Option<String>,
    /// The email address of that user; null if the account was deleted.
    pub email: Option<String>,
    /// When it happened, in RFC 3339 and UTC; the last time if `count` is above 1.
    pub at: String,
    /// The name of the event: `signed_in`, `password_changed` …
    pub event: String,
    /// The IP address of the client; empty for an operator at the command line.
    pub ip: String,
    /// The `User-Agent` header of the request; empty if it had none, and if the account was deleted.
    pub user_agent: String,
    /// A name made from the user agent; empty for an operator at the command line, and if the account was deleted.
    pub device: String,
    /// The id of the request, which its response had in `x-request-id`, and which the log lines of the request
    /// have; that of the last one if `count` is above 1. Null for an operator at the command line, and for what no
    /// request has caused.
    pub request_id: Option<String>,
    /// How often it happened within an hour.
    pub count: i64,
    /// The name of the provider that it is about. Absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Who has changed somebody else's account; null for what users do themselves, and for an operator at
    /// the command line.
    pub actor: Option<Actor>,
}

/// Who has changed somebody else's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// `user` or `service_key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The id of the administrator or the key.
    pub id: String,
    /// The administrator's email address or the name of the key; null if it was deleted.
    pub name: Option<String>,
}

/// A page of audit events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityPage {
    /// The events, newest first.
    pub events: Vec<AdminEvent>,
    /// The `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// `GET /api/admin/activity`: returns a page of the audit events of all users, newest first. Needs an
/// administrator, or a service key with `audit:read`.
///
/// # Errors
/// Field errors; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/activity", client = SignedIn)]
pub async fn activity(
    #[server(default)] event: Text,
    #[server(default)] user: Text,
    #[server(default)] since: Text,
    #[server(default)] limit: Text,
    #[server(default)] cursor: Text,
) -> Result<ActivityPage, ApiError> {
    let administrator = administrator(accounts::Scope::AuditRead).await?;
    let [event, user, since, limit, cursor] = text_fields([
        ("event", &event),
        ("user", &user),
        ("since", &since),
        ("limit", &limit),
        ("cursor", &cursor),
    ])?;
    let fields = accounts::EventListFields {
        event,
        user,
        since,
        limit,
        cursor,
    };
    let page = accounts().list_events(&administrator, &fields).await?;
    Ok(ActivityPage {
        events: page.events.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Activity>("List the activity of all users", Access::Administrator("audit:read"))
}

/// `GET /api/admin/users/{id}/activity`: returns the last 50 audit events of a user, newest first. Needs an
/// administrator, or a service key with `audit:read`.
///
/// # Errors
/// `not_found`; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/users/{id}/activity", client = SignedIn)]
pub async fn user_activity(#[server(default)] id: Text) -> Result<Vec<AdminEvent>, ApiError> {
    let administrator = administrator(accounts::Scope::AuditRead).await?;
    let events = accounts().activity_of(&administrator, id.as_str()).await?;
    Ok(events.into_iter().map(Into::into).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<UserActivity>("List the recent activity of a user", Access::Administrator("audit:read"))
}

#[cfg(feature = "ssr")]
impl From<accounts::AuditEvent> for AdminEvent {
    fn from(event: accounts::AuditEvent) -> Self {
        let device = event.device_name();
        let actor = event.actor_kind.zip(event.actor_id);
        Self {
            id: event.id,
            user: event.user_id.map(|id| id.to_string()),
            email: event.email,
            at: event.at.to_string(),
            event: event.event,
            device,
            ip: event.ip,
            user_agent: event.user_agent,
            request_id: event.request_id,
            count: event.count,
            provider: event.provider,
            actor: actor.map(|(kind, id)| Actor {
                kind,
                id: id.to_string(),
                name: event.actor_name,
            }),
        }
    }
}
