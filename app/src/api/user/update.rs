//! Changing the profile.

use leptos::prelude::*;
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    user::view::profile,
};
use crate::{
    api::{ApiError, Patch, user::Profile},
    browser::SignedIn,
};

/// `PATCH /api/user/update`: changes the name and the metadata of the user, as far as they are given.
///
/// # Errors
/// Field errors for a name that is too long, and for metadata that are no small JSON object; the errors of
/// a missing or invalid token.
#[server(protocol = Patch, prefix = "/api", endpoint = "user/update", client = SignedIn)]
pub async fn update(
    #[server(default)] name: Value,
    #[server(default)] metadata: Value,
) -> Result<Profile, ApiError> {
    let caller = authorize().await?;
    let user = accounts().update_profile(&caller, &name, &metadata).await?;
    profile(&user).await
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Update>("Change the profile", Access::Token)
}
