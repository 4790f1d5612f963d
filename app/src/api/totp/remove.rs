//! Removing one of several authenticator apps.

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
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// `POST /api/totp/remove`: removes one of the user's authenticator apps, and no longer trusts any device.
///
/// # Errors
/// Field errors for a missing id and a wrong password, `not_found` for an id that is not one of the user's,
/// `conflict` for the only app, and the errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "totp/remove", client = SignedIn)]
pub async fn remove(
    #[server(default)] id: Text,
    #[server(default)] current_password: Text,
) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [id, current_password] =
        text_fields([("id", &id), ("current_password", &current_password)])?;
    Ok(accounts()
        .remove_totp(&caller, id, current_password)
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Remove>("Remove an authenticator app", Access::Token)
        .required(&["id"])
        .errors(&[Code::NotFound, Code::Conflict])
}
