//! Signing in with the authenticator app.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, identify},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/totp/login`: completes the second factor with a code of the app.
///
/// # Errors
/// A field error for a wrong code, `throttled`, `permission_denied` without a second factor, and
/// the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/login", client = SignedIn)]
pub async fn login(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let caller = identify().await?;
    let [code] = text_fields([("code", &code)])?;
    Ok(accounts().pass_totp(&caller, code).await?.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Login>("Complete the second factor with a code of the app", Access::PendingToken)
        .required(&["code"])
}
