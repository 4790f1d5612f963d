//! Verifying the email address.

use leptos::prelude::*;

use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, device},
    text::text_fields,
};

/// `POST /api/user/activation`: verifies the email address that the link with this token was sent
/// to.
///
/// # Errors
/// A field error for a token that is missing, used, revoked or expired.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation")]
pub async fn activation(#[server(default)] token: Text) -> Result<(), ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().activate(token, &device()).await?)
}

/// `POST /api/user/activation/resend`: emails the link again if the address is not verified. The
/// response is the same for every address.
///
/// # Errors
/// A field error for an invalid email address.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation/resend")]
pub async fn resend_activation(#[server(default)] email: Text) -> Result<(), ApiError> {
    let [email] = text_fields([("email", &email)])?;
    Ok(accounts().resend_activation(email).await?)
}
