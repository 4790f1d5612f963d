//! Introspection of access tokens (RFC 7662).

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
#[cfg(feature = "ssr")]
use serde_json::{Value, json};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint, Schemas, schema};
use crate::api::{ApiError, Post, Text, user::Claims};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize_service},
    text::text_fields,
};

/// Whether a token is valid now, and its claims if so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Introspection {
    /// Whether a service should accept the token.
    pub active: bool,
    /// The claims of an active token.
    #[serde(flatten)]
    pub claims: Option<Claims>,
}

/// `POST /api/token/introspect`: says whether an access token is valid. Needs a service key with
/// `tokens:verify`.
///
/// # Errors
/// The errors of a missing or invalid service key, and a field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "token/introspect")]
pub async fn introspect(#[server(default)] token: Text) -> Result<Introspection, ApiError> {
    authorize_service(accounts::Scope::TokensVerify).await?;
    let [token] = text_fields([("token", &token)])?;
    let claims = accounts().introspect(token).await?;
    Ok(Introspection {
        active: claims.is_some(),
        claims: claims.map(|claims| (&*claims).into()),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Introspect>("Say whether an access token is valid", Access::Service("tokens:verify"))
        .required(&["token"])
        .output(output)
}

/// The claims are there if the token is active.
#[cfg(feature = "ssr")]
fn output(schemas: &mut Schemas) -> Value {
    let active = |is_active: bool| {
        json!({
            "type": "object",
            "required": ["active"],
            "properties": { "active": { "const": is_active } },
        })
    };
    json!({ "anyOf": [{ "allOf": [active(true), schema::<Claims>(schemas)] }, active(false)] })
}
