use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/user/password/change`: changes the password; every other session is over.
///
/// # Errors
/// Field errors for a wrong current password and a new one that breaks the rules, and those of a
/// request without a good token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/password/change", client = SignedIn)]
pub async fn change_password(
    #[server(default)] current_password: Text,
    #[server(default)] new_password: Text,
) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [current_password, new_password] = crate::api::texts([
        ("current_password", &current_password),
        ("new_password", &new_password),
    ])?;
    let pair = call
        .accounts
        .change_password(&caller, current_password, new_password)
        .await?;
    Ok(pair.into())
}

/// `POST /api/user/password/reset`: mails a link to choose a new password. The answer is the same
/// for every address.
///
/// # Errors
/// A field error for what is no address.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/password/reset")]
pub async fn reset_password(#[server(default)] email: Text) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let [email] = crate::api::texts([("email", &email)])?;
    Ok(call.accounts.reset_password(email, &call.device).await?)
}

/// `POST /api/user/password/reset/confirm`: sets a new password by a mailed link; every session is
/// over, a second factor stays.
///
/// # Errors
/// Field errors for a token that is missing, used, voided or too old, and for a password that
/// breaks the rules.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/password/reset/confirm")]
pub async fn confirm_reset(
    #[server(default)] token: Text,
    #[server(default)] new_password: Text,
) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let [token, new_password] =
        crate::api::texts([("token", &token), ("new_password", &new_password)])?;
    Ok(call
        .accounts
        .confirm_reset(token, new_password, &call.device)
        .await?)
}
