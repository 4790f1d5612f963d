//! Revocation of tokens (RFC 7009).

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, device},
    text::text_fields,
};

/// An empty object: the response is the same for every token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {}

/// `POST /api/token/revoke`: ends the session of an access or refresh token. Whether there was one is not
/// revealed.
///
/// # Errors
/// A field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "token/revoke")]
pub async fn revoke(#[server(default)] token: Text) -> Result<Revoked, ApiError> {
    let [token] = text_fields([("token", &token)])?;
    accounts().revoke_token(token, &device()).await?;
    Ok(Revoked {})
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Revoke>("End the session of a token", Access::Public)
        .required(&["token"])
}
