//! Signing in with the authenticator app.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, identify, set_device_cookie},
    text::text_fields,
};
use crate::{
    api::{ApiError, Flag, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/totp/login`: completes the second factor with a code of an authenticator app. With `trust_device`, signing in on this
/// device takes no code for 30 days.
///
/// # Errors
/// Field errors for a wrong code and for another `trust_device` than true or false, `throttled`, `permission_denied` without a second factor, and
/// the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/login", client = SignedIn)]
pub async fn login(
    #[server(default)] code: Text,
    #[server(default)] trust_device: Flag,
) -> Result<TokenPair, ApiError> {
    let caller = identify().await?;
    let [code] = text_fields([("code", &code)])?;
    if !trust_device.is_true("trust_device")? {
        return Ok(accounts().pass_totp(&caller, code).await?.into());
    }
    let signed_in = accounts().pass_totp_and_trust(&caller, code).await?;
    if let Some(tokens) = &signed_in.device_tokens {
        set_device_cookie(tokens);
    }
    Ok(signed_in.tokens.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Login>("Complete the second factor with a code of the app", Access::PendingToken)
        .required(&["code"])
}
