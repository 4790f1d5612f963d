use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/totp/login`: passes the second factor with a code of the app.
///
/// # Errors
/// A field error for a wrong code, `throttled`, `permission_denied` without a second factor, and
/// those of a request without a good token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/login", client = SignedIn)]
pub async fn login(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.identify().await?;
    let [code] = crate::api::texts([("code", &code)])?;
    Ok(call.accounts.pass_totp(&caller, code).await?.into())
}
