//! Turning the second factor off.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/totp/delete`: turns the second factor off, and ends all other sessions.
///
/// # Errors
/// A field error for a wrong password, `conflict` where the user must have one, `permission_denied` without a second factor, and the errors
/// of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/delete", client = SignedIn)]
pub async fn delete(#[server(default)] current_password: Text) -> Result<TokenPair, ApiError> {
    let caller = authorize().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    let pair = accounts().delete_totp(&caller, current_password).await?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Delete>("Turn two-factor authentication off", Access::Token)
        .errors(&[Code::Conflict])
}
