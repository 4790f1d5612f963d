use leptos::prelude::*;

use crate::{
    api::{ApiError, Post},
    browser::SignedIn,
};

/// `POST /api/user/logout`: ends the session of the token.
///
/// # Errors
/// Those of a request without a good token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/logout", client = SignedIn)]
pub async fn logout() -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let caller = call.identify().await?;
    Ok(call.accounts.logout(&caller).await?)
}

/// `POST /api/user/logout/all`: ends every session of the user.
///
/// # Errors
/// Those of a request without a good token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/logout/all", client = SignedIn)]
pub async fn logout_all() -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    Ok(call.accounts.logout_all(&caller).await?)
}
