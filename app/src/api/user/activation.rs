use leptos::prelude::*;

use crate::api::{ApiError, Post, Text};

/// `POST /api/user/activation`: proves the address that the link with this token was mailed to.
///
/// # Errors
/// A field error for a token that is missing, used, voided or too old.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation")]
pub async fn activation(#[server(default)] token: Text) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let [token] = crate::api::texts([("token", &token)])?;
    Ok(call.accounts.activate(token, &call.device).await?)
}

/// `POST /api/user/activation/resend`: mails the link again, to who still has to open it. The
/// answer is the same for every address.
///
/// # Errors
/// A field error for what is no address.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation/resend")]
pub async fn resend_activation(#[server(default)] email: Text) -> Result<(), ApiError> {
    let call = crate::api::Call::current();
    let [email] = crate::api::texts([("email", &email)])?;
    Ok(call.accounts.resend_activation(email).await?)
}
