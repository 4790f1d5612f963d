//! Signing in with a recovery code.

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

/// `POST /api/recovery/login`: completes the second factor with a recovery code, which is then used
/// up.
///
/// # Errors
/// A field error for a wrong code, `throttled`, `permission_denied` without a second factor, and
/// the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "recovery/login", client = SignedIn)]
pub async fn login(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let caller = identify().await?;
    let [code] = text_fields([("code", &code)])?;
    let pair = accounts().pass_recovery_code(&caller, code).await?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Login>("Complete the second factor with a recovery code", Access::PendingToken)
        .required(&["code"])
}
