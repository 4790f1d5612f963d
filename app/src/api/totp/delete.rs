use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/totp/delete`: turns the second factor off; every other session is over.
///
/// # Errors
/// A field error for a wrong password, `permission_denied` without a second factor, and those of a
/// request without a good token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/delete", client = SignedIn)]
pub async fn delete(#[server(default)] current_password: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [current_password] = crate::api::texts([("current_password", &current_password)])?;
    let pair = call.accounts.delete_totp(&caller, current_password).await?;
    Ok(pair.into())
}
