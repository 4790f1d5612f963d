//! Changing the email address.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize, device, optional_caller},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::{MaybeSignedIn, SignedIn},
};

/// `POST /api/user/email/change`: emails a link to the new address, and a notice to the current
/// one.
///
/// # Errors
/// Field errors for an address that is invalid or taken and for a wrong password, and the errors of
/// a missing or invalid token; `email_unverified` while the present address is unverified.
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

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ChangeEmail>("Email a link that changes the email address", Access::Token)
        .required(&["new_email"])
        .errors(&[Code::EmailUnverified])
}

/// `POST /api/user/email/change/confirm`: changes the email address to the one that the link with
/// this token, or the email with this code, was sent to. It takes the account's password or an access
/// token of the account.
///
/// # Errors
/// Field errors for a token that is missing, used, revoked or expired, or whose address another
/// account has taken in the meantime, for a wrong code, and for a missing or wrong password.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change/confirm", client = MaybeSignedIn)]
pub async fn confirm_email_change(
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
        .confirm_email_change(proof, password, caller.as_ref(), &device())
        .await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<ConfirmEmailChange>("Change the email address", Access::MaybeToken)
}

/// `POST /api/user/email/change/undo`: takes a change of the email address back, with the link that
/// the old address has received. Every session ends, and the password is removed.
///
/// # Errors
/// A field error for a token that is missing, revoked or expired.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/email/change/undo")]
pub async fn undo_email_change(#[server(default)] token: Text) -> Result<(), ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().undo_email_change(token, &device()).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<UndoEmailChange>("Take a change of the email address back", Access::Public)
        .required(&["token"])
}
