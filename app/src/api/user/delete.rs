use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// `POST /api/user/delete`: deletes the account and all it owns.
///
/// # Errors
/// A field error when `current_password` is missing or wrong, and those of a request without a
/// good token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/delete", client = SignedIn)]
pub async fn delete(#[server(default)] current_password: Text) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [current_password] = crate::api::texts([("current_password", &current_password)])?;
    Ok(call.accounts.delete_user(&caller, current_password).await?)
}
