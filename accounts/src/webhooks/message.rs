//! The body of what a webhook sends: `{"type","timestamp","data"}`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    profile::stored_metadata,
    store::{administration::version_of, webhook_deliveries::LeasedDelivery},
};

/// A message. The order of its fields is that of the JSON.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    event: &'a str,
    timestamp: String,
    data: Map<String, Value>,
}

/// Returns the body of a delivery: the user as of the event, as in `GET /api/admin/users/{id}`, and the session
/// if it is about one.
pub(crate) fn body(delivery: &LeasedDelivery) -> String {
    let mut data = user(&delivery.user_data);
    if let Some(session_id) = delivery.session_id {
        data.insert("session_id".to_owned(), session_id.to_string().into());
    }
    let message = Message {
        event: &delivery.event,
        timestamp: delivery.created_at.to_string(),
        data,
    };
    serde_json::to_string(&message).unwrap_or_default()
}

/// Turns what a trigger has stored into what the API shows. A deleted user has only an id left.
fn user(stored: &str) -> Map<String, Value> {
    let mut user: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
    if !user.contains_key("email") {
        return user;
    }
    let version = version(&user);
    for field in ["metadata", "app_metadata"] {
        let object = stored_metadata(text(&user, field));
        user.insert(field.to_owned(), object);
    }
    let roles = serde_json::from_str(text(&user, "roles")).unwrap_or_default();
    user.insert("roles".to_owned(), roles);
    user.insert("version".to_owned(), version.into());
    user
}

fn version(user: &Map<String, Value>) -> String {
    let flags = ["is_active", "is_admin", "email_verified"];
    let texts = ["email", "name", "roles", "metadata", "app_metadata"];
    version_of(
        flags.map(|flag| user.get(flag).and_then(Value::as_bool).unwrap_or_default()),
        texts.map(|field| text(user, field)),
    )
}

fn text<'a>(user: &'a Map<String, Value>, field: &str) -> &'a str {
    user.get(field).and_then(Value::as_str).unwrap_or_default()
}
