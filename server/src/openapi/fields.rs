//! The schemas of request fields. A field has the same meaning wherever its name occurs.

use serde_json::{Value, json};

/// Returns the schema of the field with this name.
pub fn schema(name: &str) -> Option<Value> {
    Some(match name {
        "email" | "new_email" => json!({
            "type": "string",
            "maxLength": 254,
            "description": "An email address.",
            "examples": ["ada@example.com"],
        }),
        "password" | "new_password" => json!({
            "type": "string",
            "format": "password",
            "description": "A password of 8 to 128 characters.",
        }),
        "current_password" => json!({
            "type": "string",
            "format": "password",
            "description": "The password of the account. An account without one needs a recent sign-in instead.",
        }),
        "name" => json!({ "type": "string", "description": "A name, at most 100 characters." }),
        "token" | "refresh_token" => json!({ "type": "string", "maxLength": 4096 }),
        "flow" => json!({
            "type": "string",
            "description": "The random value that the code is bound to.",
        }),
        "invite" => json!({
            "type": "boolean",
            "description": "Whether to send an invitation instead of setting a password.",
        }),
        "invitation" => json!({ "type": "string", "description": "The token of an invitation." }),
        "provider" => json!({ "type": "string", "description": "The name of a provider." }),
        "code" => json!({ "type": "string", "description": "A one-time code." }),
        "id" | "delivery" => json!({ "type": "string", "description": "A UUID." }),
        "url" => json!({ "type": "string", "format": "uri" }),
        "version" => json!({
            "type": "string",
            "description": "The version of the user as it was read.",
        }),
        "roles" | "scopes" | "ids" | "events" => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        "trust_device" => json!({
            "type": "boolean",
            "description": "Whether signing in on this device takes no code for 30 days.",
        }),
        "is_active" | "is_admin" | "email_verified" | "otp_enabled" => json!({ "type": "boolean" }),
        "metadata" | "app_metadata" => json!({
            "type": "object",
            "description": "A JSON object of at most 4,096 bytes.",
        }),
        "credential" => json!({
            "type": "object",
            "description": "What `PublicKeyCredential.toJSON()` returns (WebAuthn, level 3).",
        }),
        "action" => json!({
            "type": "string",
            "enum": ["activate", "deactivate", "sign-out", "delete"],
        }),
        "order" => json!({
            "type": "string",
            "enum": ["-date_joined", "date_joined", "email", "-email"],
            "default": "-date_joined",
        }),
        "limit" => json!({ "type": "integer", "minimum": 1, "default": 50 }),
        "since" | "expires_at" => json!({ "type": "string", "format": "date-time" }),
        "search" | "role" | "event" | "user" | "cursor" => json!({ "type": "string" }),
        _ => return None,
    })
}
