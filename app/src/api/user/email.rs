use leptos::prelude::*;

use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// `POST /api/user/email/change`: mails a link to a new address, and a notice to the present one.
///
/// # Errors
/// Field errors for an address that is none or is taken and for a wrong password, and those of a
/// request without a good token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change", client = SignedIn)]
pub async fn change_email(
    #[server(default)] new_email: Text,
    #[server(default)] current_password: Text,
) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [new_email, current_password] = crate::api::texts([
        ("new_email", &new_email),
        ("current_password", &current_password),
    ])?;
    Ok(call
        .accounts
        .begin_email_change(&caller, new_email, current_password)
        .await?)
}

/// `POST /api/user/email/change/confirm`: gives the account the address that the link with this
/// token was mailed to.
///
/// # Errors
/// A field error for a token that is missing, used, voided or too old, or whose address another
/// account has taken meanwhile.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change/confirm")]
pub async fn confirm_email_change(#[server(default)] token: Text) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let [token] = crate::api::texts([("token", &token)])?;
    Ok(call
        .accounts
        .confirm_email_change(token, &call.device)
        .await?)
}
