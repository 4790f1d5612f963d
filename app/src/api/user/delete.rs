//! Deleting an account.

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

/// `POST /api/user/delete`: deletes the account and everything it owns.
///
/// # Errors
/// A field error if `current_password` is missing or wrong, and the errors of a missing or invalid
/// token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/delete", client = SignedIn)]
pub async fn delete(#[server(default)] current_password: Text) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    Ok(accounts().delete_user(&caller, current_password).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Delete>("Delete the account", Access::Token)
        .errors(&[Code::Conflict])
}
