//! Changing and resetting the password.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize, device, optional_caller, set_device_cookie},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::{MaybeSignedIn, SignedIn},
};

/// `POST /api/user/password/change`: changes the password, and ends all other sessions.
///
/// # Errors
/// Field errors for a wrong current password and for a new one that breaks the rules, and the
/// errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/password/change", client = SignedIn)]
pub async fn change_password(
    #[server(default)] current_password: Text,
    #[server(default)] new_password: Text,
) -> Result<TokenPair, ApiError> {
    let caller = authorize().await?;
    let [current_password, new_password] = text_fields([
        ("current_password", &current_password),
        ("new_password", &new_password),
    ])?;
    let signed_in = accounts()
        .change_password(&caller, current_password, new_password)
        .await?;
    if let Some(tokens) = &signed_in.device_tokens {
        set_device_cookie(tokens);
    }
    Ok(signed_in.tokens.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<ChangePassword>("Change the password", Access::Token)
        .required(&["new_password"])
}

/// `POST /api/user/password/reset`: emails a link to set a new password. The response is the same
/// for every address.
///
/// # Errors
/// A field error for an invalid email address.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/password/reset", client = MaybeSignedIn)]
pub async fn reset_password(#[server(default)] email: Text) -> Result<(), ApiError> {
    let [email] = text_fields([("email", &email)])?;
    let caller = optional_caller().await;
    Ok(accounts()
        .reset_password(email, caller.as_ref(), &device())
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ResetPassword>("Email a link to choose a new password", Access::MaybeToken)
        .required(&["email"])
}

/// `POST /api/user/password/reset/confirm`: sets a new password with an emailed link or code, and
/// ends all sessions. The second factor of a verified account stays.
///
/// # Errors
/// Field errors for a token that is missing, used, revoked or expired, for a wrong code, and for a
/// password that breaks the rules.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/password/reset/confirm")]
pub async fn confirm_reset(
    #[server(default)] token: Text,
    #[server(default)] email: Text,
    #[server(default)] code: Text,
    #[server(default)] new_password: Text,
) -> Result<(), ApiError> {
    let [token, email, code, new_password] = text_fields([
        ("token", &token),
        ("email", &email),
        ("code", &code),
        ("new_password", &new_password),
    ])?;
    let proof = accounts::EmailProof { token, email, code };
    let device_tokens = accounts()
        .confirm_reset(proof, new_password, &device())
        .await?;
    if let Some(tokens) = &device_tokens {
        set_device_cookie(tokens);
    }
    Ok(())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ConfirmReset>("Set a new password by an emailed link or code", Access::Public)
        .required(&["new_password"])
}
