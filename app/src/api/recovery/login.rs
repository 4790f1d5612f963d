use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/recovery/login`: passes the second factor with a recovery code, which is spent.
///
/// # Errors
/// A field error for a wrong code, `throttled`, `permission_denied` without a second factor, and
/// those of a request without a good token.
#[server(protocol = Post, prefix = "/api", endpoint = "recovery/login", client = SignedIn)]
pub async fn login(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.identify().await?;
    let [code] = crate::api::texts([("code", &code)])?;
    let pair = call.accounts.pass_recovery_code(&caller, code).await?;
    Ok(pair.into())
}
