//! WebhookList and their deliveries, for administrators only.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, administrator},
    text::text_fields,
};
use crate::{
    api::{ApiError, Delete, Patch, PostTo, Query, Text},
    browser::SignedIn,
};

/// A webhook. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The webhook's id, a UUID.
    pub id: String,
    /// Where events are sent to.
    pub url: String,
    /// The names of the events that it reports.
    pub events: Vec<String>,
    /// Whether events are reported.
    pub is_active: bool,
    /// When it was created.
    pub created_at: String,
    /// When the server has disabled it; null if it has not, or the webhook was activated since.
    pub disabled_at: Option<String>,
    /// Why: `failing`, `gone` or `backlog`.
    pub disabled_reason: Option<String>,
    /// The secret that signs its messages, only in the response that creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// All webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookList {
    /// The webhooks, oldest first.
    pub webhooks: Vec<Webhook>,
}

/// An event for a webhook. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookDelivery {
    /// The delivery's id, a UUID. The receiver gets it as `webhook-id`.
    pub id: String,
    /// The name of the event, such as `user.created`.
    pub event: String,
    /// The id of the user that it is about.
    pub user: String,
    /// `pending`, `delivered`, `failed` or `canceled`.
    pub status: String,
    /// When the event happened.
    pub created_at: String,
    /// How often it was attempted.
    pub attempts: i32,
    /// When it was last attempted.
    pub last_attempt_at: Option<String>,
    /// When it is attempted again; null if it has ended, or the first attempt is still to come.
    pub next_attempt_at: Option<String>,
    /// The status of the last response; null if there was none.
    pub response_status: Option<i32>,
    /// Why the last attempt failed; null if it has not.
    pub error: Option<String>,
}

/// A page of the deliveries of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryPage {
    /// The deliveries, newest first.
    pub deliveries: Vec<WebhookDelivery>,
    /// The `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// `GET /api/admin/webhooks`: returns all webhooks. Needs an administrator.
///
/// # Errors
/// `permission_denied` for a service key, whatever its scopes; the errors of missing or insufficient
/// credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/webhooks", client = SignedIn)]
pub async fn webhooks() -> Result<WebhookList, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let webhooks = accounts().webhooks(&administrator).await?;
    Ok(WebhookList {
        webhooks: webhooks.into_iter().map(Into::into).collect(),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Webhooks>("List the webhooks", Access::AdministratorOnly)
}

/// `POST /api/admin/webhooks`: creates a webhook. Its secret can't be read again. Needs an administrator.
///
/// # Errors
/// Field errors, `reauthentication_required`, `email_unverified`; `permission_denied` for a service key,
/// whatever its scopes; the errors of missing or insufficient credentials.
#[server(protocol = PostTo<201>, prefix = "/api", endpoint = "admin/webhooks", client = SignedIn)]
pub async fn create_webhook(
    #[server(default)] url: Value,
    #[server(default)] events: Value,
    #[server(default)] is_active: Value,
) -> Result<Webhook, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let fields = accounts::WebhookFields {
        url,
        events,
        is_active,
    };
    let (webhook, secret) = accounts().create_webhook(&administrator, &fields).await?;
    Ok(Webhook {
        secret: Some(secret),
        ..webhook.into()
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<CreateWebhook>("Create a webhook", Access::AdministratorOnly)
        .created()
        .required(&["url", "events"])
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified])
}

/// `PATCH /api/admin/webhooks/{id}`: changes a webhook, as far as fields are given. Needs an administrator.
///
/// # Errors
/// Field errors, `not_found`, `reauthentication_required`, `email_unverified`; `permission_denied` for a
/// service key, whatever its scopes; the errors of missing or insufficient credentials.
#[server(protocol = Patch, prefix = "/api", endpoint = "admin/webhooks/{id}", client = SignedIn)]
pub async fn update_webhook(
    #[server(default)] id: Text,
    #[server(default)] url: Value,
    #[server(default)] events: Value,
    #[server(default)] is_active: Value,
) -> Result<Webhook, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let fields = accounts::WebhookFields {
        url,
        events,
        is_active,
    };
    let accounts = accounts();
    let changed = accounts.change_webhook(&administrator, id.as_str(), &fields);
    Ok(changed.await?.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<UpdateWebhook>("Change a webhook", Access::AdministratorOnly)
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified])
}

/// `DELETE /api/admin/webhooks/{id}`: deletes a webhook. Needs an administrator.
///
/// # Errors
/// `not_found`, `reauthentication_required`, `email_unverified`; `permission_denied` for a service key,
/// whatever its scopes; the errors of missing or insufficient credentials.
#[server(protocol = Delete, prefix = "/api", endpoint = "admin/webhooks/{id}", client = SignedIn)]
pub async fn delete_webhook(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let deleted = accounts.delete_webhook(&administrator, id.as_str());
    Ok(deleted.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<DeleteWebhook>("Delete a webhook", Access::AdministratorOnly)
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified])
}

/// `GET /api/admin/webhooks/{id}/deliveries`: returns a page of the events for a webhook, newest first. Needs
/// an administrator.
///
/// # Errors
/// Field errors, `not_found`; `permission_denied` for a service key, whatever its scopes; the errors of missing
/// or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/webhooks/{id}/deliveries", client = SignedIn)]
pub async fn webhook_deliveries(
    #[server(default)] id: Text,
    #[server(default)] limit: Text,
    #[server(default)] cursor: Text,
) -> Result<DeliveryPage, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let [limit, cursor] = text_fields([("limit", &limit), ("cursor", &cursor)])?;
    let fields = accounts::DeliveryListFields { limit, cursor };
    let accounts = accounts();
    let page = accounts.webhook_deliveries(&administrator, id.as_str(), &fields);
    let page = page.await?;
    Ok(DeliveryPage {
        deliveries: page.deliveries.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<WebhookDeliveries>("List the deliveries of a webhook", Access::AdministratorOnly)
}

/// `POST /api/admin/webhooks/{id}/deliveries/{delivery}/redeliver`: sends an event again, or at once if it
/// waits for its next attempt. Needs an administrator.
///
/// # Errors
/// `not_found`, `conflict` if the webhook is not active, `reauthentication_required`, `email_unverified`;
/// `permission_denied` for a service key, whatever its scopes; the errors of missing or insufficient
/// credentials.
#[server(protocol = PostTo<204>, prefix = "/api", endpoint = "admin/webhooks/{id}/deliveries/{delivery}/redeliver", client = SignedIn)]
pub async fn redeliver_webhook(
    #[server(default)] id: Text,
    #[server(default)] delivery: Text,
) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let requested = accounts.redeliver_webhook(&administrator, id.as_str(), delivery.as_str());
    Ok(requested.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RedeliverWebhook>("Send an event again", Access::AdministratorOnly)
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified, Code::Conflict])
}

#[cfg(feature = "ssr")]
impl From<accounts::Webhook> for Webhook {
    fn from(webhook: accounts::Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            events: webhook.events.split(' ').map(str::to_owned).collect(),
            url: webhook.url,
            is_active: webhook.is_active,
            created_at: webhook.created_at.to_string(),
            disabled_at: webhook.disabled_at.map(|time| time.to_string()),
            disabled_reason: webhook.disabled_reason,
            secret: None,
        }
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::WebhookDelivery> for WebhookDelivery {
    fn from(delivery: accounts::WebhookDelivery) -> Self {
        let is_waiting = delivery.status == "pending" && delivery.attempts > 0;
        Self {
            id: delivery.id.to_string(),
            event: delivery.event,
            user: delivery.user_id.to_string(),
            next_attempt_at: is_waiting.then(|| delivery.due_at.to_string()),
            status: delivery.status,
            created_at: delivery.created_at.to_string(),
            attempts: delivery.attempts,
            last_attempt_at: delivery.last_attempt_at.map(|time| time.to_string()),
            response_status: delivery.response_status,
            error: delivery.error,
        }
    }
}
