//! `/api/totp`: the second factor by an authenticator app.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
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

/// The second factor is on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnedOn {
    /// Tokens that have passed it.
    #[serde(flatten)]
    pub pair: TokenPair,
    /// Codes for when the app is lost, each good once; they are shown this once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/totp/create`: begins to set up an authenticator app.
///
/// # Errors
/// A field error for a wrong password, and those of a request without a good token.
#[server(name = CreateTotp, protocol = Post<201>, prefix = "/api", endpoint = "totp/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<Setup, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let setup = call
        .accounts
        .begin_totp(&caller, current_password.given())
        .await?;
    Ok(Setup {
        secret: setup.secret,
        otpauth_url: setup.otpauth_url,
        qr_svg: setup.qr_svg,
    })
}

/// `POST /api/totp/confirm`: turns the second factor on, with the app's first code.
///
/// # Errors
/// A field error for a wrong code, `throttled`, and those of a request without a good token.
#[server(name = ConfirmTotp, protocol = Post, prefix = "/api", endpoint = "totp/confirm", client = SignedIn)]
pub async fn confirm(#[server(default)] code: Text) -> Result<TurnedOn, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let (pair, recovery_codes) = call.accounts.confirm_totp(&caller, code.given()).await?;
    Ok(TurnedOn {
        pair: pair.into(),
        recovery_codes,
    })
}

/// `POST /api/totp/login`: passes the second factor with a code of the app.
///
/// # Errors
/// A field error for a wrong code, `throttled`, `permission_denied` without a second factor, and
/// those of a request without a good token.
#[server(name = LoginTotp, protocol = Post, prefix = "/api", endpoint = "totp/login", client = SignedIn)]
pub async fn login(#[server(default)] code: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.identify().await?;
    Ok(call.accounts.pass_totp(&caller, code.given()).await?.into())
}

/// `POST /api/totp/delete`: turns the second factor off; every other session is over.
///
/// # Errors
/// A field error for a wrong password, `permission_denied` without a second factor, and those of a
/// request without a good token.
#[server(name = DeleteTotp, protocol = Post, prefix = "/api", endpoint = "totp/delete", client = SignedIn)]
pub async fn delete(#[server(default)] current_password: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let pair = call
        .accounts
        .delete_totp(&caller, current_password.given())
        .await?;
    Ok(pair.into())
}
