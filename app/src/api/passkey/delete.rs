//! Removing a passkey.

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

/// `POST /api/passkey/delete`: removes one of the user's passkeys, and ends the other sessions that it has
/// started. The password may be missing if the session has used a passkey within 5 minutes.
///
/// # Errors
/// Field errors for a missing id and a wrong password, `not_found` for an id that is not one of the user's,
/// `conflict` for the last way to sign in, and the errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "passkey/delete", client = SignedIn)]
pub async fn delete(
    #[server(default)] id: Text,
    #[server(default)] current_password: Text,
) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [id, current_password] =
        text_fields([("id", &id), ("current_password", &current_password)])?;
    let accounts = accounts();
    Ok(accounts
        .remove_passkey(&caller, id, current_password)
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Delete>("Remove a passkey", Access::Token)
        .required(&["id"])
        .errors(&[Code::NotFound, Code::Conflict])
}
