//! Verifying the email address.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, device, optional_caller},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::MaybeSignedIn,
};

/// `POST /api/user/activation`: verifies the email address that the link with this token, or the
/// email with this code, was sent to. It takes the password of the registration or an access token
/// of the account.
///
/// # Errors
/// Field errors for a token that is missing, revoked or expired, for a wrong code, and for a missing
/// or wrong password; `throttled` after many wrong ones.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation", client = MaybeSignedIn)]
pub async fn activation(
    #[server(default)] token: Text,
    #[server(default)] email: Text,
    #[server(default)] code: Text,
    #[server(default)] password: Text,
) -> Result<(), ApiError> {
    let [token, email, code, password] = text_fields([
        ("token", &token),
        ("email", &email),
        ("code", &code),
        ("password", &password),
    ])?;
    let proof = accounts::EmailProof { token, email, code };
    let caller = optional_caller().await;
    Ok(accounts()
        .activate(proof, password, caller.as_ref(), &device())
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Activation>("Verify the email address", Access::MaybeToken)
}

/// `POST /api/user/activation/reject`: the owner of the email address did not create the account.
///
/// # Errors
/// A field error for a token that is missing, used or expired.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation/reject")]
pub async fn reject_activation(#[server(default)] token: Text) -> Result<(), ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().reject_activation(token, &device()).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RejectActivation>("Reject an account that somebody else created", Access::Public)
        .required(&["token"])
}

/// `POST /api/user/activation/resend`: emails the link again if the address is not verified. The
/// response is the same for every address.
///
/// # Errors
/// A field error for an invalid email address.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/activation/resend", client = MaybeSignedIn)]
pub async fn resend_activation(#[server(default)] email: Text) -> Result<(), ApiError> {
    let [email] = text_fields([("email", &email)])?;
    let caller = optional_caller().await;
    Ok(accounts()
        .resend_activation(email, caller.as_ref(), &device())
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ResendActivation>("Email the activation link again", Access::MaybeToken)
        .required(&["email"])
}
