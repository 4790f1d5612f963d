//! Unlinking an account at a provider.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::{
    Code,
    context::{accounts, authorize},
    describe::{Access, Endpoint},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// `POST /api/social/unlink`: unlinks an account at a provider.
///
/// # Errors
/// `not_found` for an id that is not one of the user's, `conflict` if it is the only way to sign in, a field
/// error for a wrong password, `reauthentication_required` for a user without one, and the errors of a missing
/// or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "social/unlink", client = SignedIn)]
pub async fn unlink(
    #[server(default)] id: Text,
    #[server(default)] current_password: Text,
) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [id, current_password] =
        text_fields([("id", &id), ("current_password", &current_password)])?;
    let accounts = accounts();
    Ok(accounts
        .unlink_identity(&caller, id, current_password)
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Unlink>("Unlink an account at a provider", Access::Token)
        .required(&["id"])
        .errors(&[Code::NotFound, Code::Conflict, Code::ReauthenticationRequired])
}
