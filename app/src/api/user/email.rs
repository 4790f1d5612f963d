//! Changing the email address.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize, device},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// `POST /api/user/email/change`: emails a link to the new address, and a notice to the current
/// one.
///
/// # Errors
/// Field errors for an address that is invalid or taken and for a wrong password, and the errors of
/// a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change", client = SignedIn)]
pub async fn change_email(
    #[server(default)] new_email: Text,
    #[server(default)] current_password: Text,
) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [new_email, current_password] = text_fields([
        ("new_email", &new_email),
        ("current_password", &current_password),
    ])?;
    Ok(accounts()
        .begin_email_change(&caller, new_email, current_password)
        .await?)
}

/// `POST /api/user/email/change/confirm`: changes the email address to the one that the link with
/// this token was sent to.
///
/// # Errors
/// A field error for a token that is missing, used, revoked or expired, or whose address another
/// account has taken in the meantime.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change/confirm")]
pub async fn confirm_email_change(#[server(default)] token: Text) -> Result<(), ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().confirm_email_change(token, &device()).await?)
}
