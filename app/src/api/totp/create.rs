use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// What a person needs to set up an authenticator app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The seed in base 32, to type by hand.
    pub secret: String,
    /// The same as a URL (Key URI Format).
    pub otpauth_url: String,
    /// The URL as a QR code: an SVG image.
    pub qr_svg: String,
}

/// `POST /api/totp/create`: begins to set up an authenticator app.
///
/// # Errors
/// A field error for a wrong password, and those of a request without a good token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "totp/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<Setup, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [current_password] = crate::api::texts([("current_password", &current_password)])?;
    let setup = call.accounts.begin_totp(&caller, current_password).await?;
    Ok(Setup {
        secret: setup.secret,
        otpauth_url: setup.otpauth_url,
        qr_svg: setup.qr_svg,
    })
}
