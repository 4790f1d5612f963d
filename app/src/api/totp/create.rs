//! Setting up an authenticator app.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize_enrolling},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// What a user needs to set up an authenticator app.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// The secret in Base32, to type by hand.
    pub secret: String,
    /// The same as a URL (Key URI Format).
    pub otpauth_url: String,
    /// The URL as a QR code, in SVG.
    pub qr_svg: String,
}

/// `POST /api/totp/create`: starts to set up an authenticator app.
///
/// # Errors
/// A field error for a wrong password, and the errors of a missing or invalid token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "totp/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<Setup, ApiError> {
    let caller = authorize_enrolling().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    let setup = accounts().begin_totp(&caller, current_password).await?;
    Ok(Setup {
        secret: setup.secret,
        otpauth_url: setup.otpauth_url,
        qr_svg: setup.qr_svg,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Create>("Begin to set up an authenticator app", Access::EnrollingToken)
        .created()
        .errors(&[Code::EmailUnverified])
}
