//! Signing out.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::context::{accounts, authorize, identify};
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::{
    api::{ApiError, Post},
    browser::SignedIn,
};

/// `POST /api/user/logout`: ends the session of the token.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/logout", client = SignedIn)]
pub async fn logout() -> Result<(), ApiError> {
    let caller = identify().await?;
    Ok(accounts().logout(&caller).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Logout>("Sign out", Access::PendingToken)
}

/// `POST /api/user/logout/all`: ends all sessions of the user.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/logout/all", client = SignedIn)]
pub async fn logout_all() -> Result<(), ApiError> {
    let caller = authorize().await?;
    Ok(accounts().logout_all(&caller).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<LogoutAll>("Sign out everywhere", Access::Token)
}
