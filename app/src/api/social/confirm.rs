//! Signing in with the code of a redirect.

use leptos::prelude::*;

use crate::api::{ApiError, Post, Text, user::TokenPair};
#[cfg(feature = "ssr")]
use crate::api::{
    Code,
    context::{accounts, browser, device},
    describe::{Access, Endpoint},
    text::text_fields,
};

/// `POST /api/social/confirm`: signs in with the one-time code of a sign-in with a provider, in the browser
/// that has begun it.
///
/// # Errors
/// A field error for a code that does not work, and `inactive_account`.
#[server(protocol = Post, prefix = "/api", endpoint = "social/confirm")]
pub async fn confirm(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let [code] = text_fields([("code", &code)])?;
    let browser = browser();
    let tokens = accounts()
        .confirm_social(code, browser.as_deref(), &device())
        .await?;
    Ok(tokens.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Confirm>("Sign in with the code of a provider's redirect", Access::Public)
        .required(&["code"])
        .errors(&[Code::InactiveAccount])
}
