//! Signing in with a passkey.

#[cfg(feature = "ssr")]
use languages::tr;
use leptos::prelude::*;
use serde_json::Value;

#[cfg(feature = "ssr")]
use super::options;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    Code,
    context::{accounts, device, identify_if_any},
};
use crate::{
    api::{ApiError, Post, user::TokenPair},
    browser::MaybeSignedIn,
};

/// `POST /api/passkey/login/begin`: begins a sign-in. Returns what
/// `PublicKeyCredential.parseRequestOptionsFromJSON()` takes (WebAuthn, level 3).
///
/// # Errors
/// `permission_denied` where browsers refuse passkeys.
#[server(protocol = Post, prefix = "/api", endpoint = "passkey/login/begin")]
pub async fn begin_login() -> Result<Value, ApiError> {
    Ok(accounts().begin_passkey_login()?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<BeginLogin>("Begin to sign in with a passkey", Access::Public)
        .output(options)
        .errors(&[Code::PermissionDenied])
}

/// `POST /api/passkey/login`: signs in with what the authenticator has signed, and starts a session for this
/// device. `credential` is what `PublicKeyCredential.toJSON()` returns. With an access token, that session
/// continues: its second factor is complete, and it counts as a sign-in at this time.
///
/// # Errors
/// `invalid_credentials`, `inactive_account`, a field error for a missing credential, `permission_denied` where
/// browsers refuse passkeys, and the errors of an invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "passkey/login", client = MaybeSignedIn)]
pub async fn login(#[server(default)] credential: Value) -> Result<TokenPair, ApiError> {
    let caller = identify_if_any().await?;
    let pair = accounts()
        .passkey_login(&credential, caller.as_ref(), &device())
        .await
        .map_err(passkey_error)?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Login>("Sign in with a passkey", Access::MaybeToken)
        .required(&["credential"])
        .errors(&[
            Code::InvalidCredentials,
            Code::InactiveAccount,
            Code::PermissionDenied,
            Code::TokenExpired,
            Code::TokenInvalid,
        ])
}

/// The usual sentence is about passwords.
#[cfg(feature = "ssr")]
fn passkey_error(error: accounts::Error) -> ApiError {
    if matches!(error, accounts::Error::InvalidCredentials) {
        return ApiError::detail(
            Code::InvalidCredentials,
            tr("This passkey could not be verified. Try again, or sign in in another way."),
        );
    }
    error.into()
}
