//! Renaming an authenticator app.

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

/// `POST /api/totp/rename`: renames one of the user's authenticator apps.
///
/// # Errors
/// Field errors for what is missing or too long, `not_found` for an id that is not one of the user's, and the
/// errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "totp/rename", client = SignedIn)]
pub async fn rename(
    #[server(default)] id: Text,
    #[server(default)] name: Text,
) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [id, name] = text_fields([("id", &id), ("name", &name)])?;
    Ok(accounts().rename_totp(&caller, id, name).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Rename>("Rename an authenticator app", Access::Token)
        .required(&["id", "name"])
        .errors(&[Code::NotFound])
}
