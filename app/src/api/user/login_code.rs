//! Signing in with an emailed code.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, device, optional_caller, set_device_cookie},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::MaybeSignedIn,
};

/// The request for a code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginFlow {
    /// The random value that has to be sent with the code, which works with no other.
    pub flow: String,
}

/// `POST /api/user/login/code`: emails a code to sign in with. The response is the same for every address.
///
/// # Errors
/// A field error for an invalid email address.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/code", client = MaybeSignedIn)]
pub async fn request_login_code(#[server(default)] email: Text) -> Result<LoginFlow, ApiError> {
    let [email] = text_fields([("email", &email)])?;
    let caller = optional_caller().await;
    let flow = accounts()
        .request_sign_in_code(email, caller.as_ref(), &device())
        .await?;
    Ok(LoginFlow { flow })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<RequestLoginCode>("Email a code to sign in with", Access::MaybeToken)
        .required(&["email"])
}

/// `POST /api/user/login/code/confirm`: signs in with an emailed code, and starts a session for this device.
///
/// # Errors
/// Field errors for what is missing, and for a code that is wrong, used, replaced or expired.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/code/confirm")]
pub async fn confirm_login_code(
    #[server(default)] flow: Text,
    #[server(default)] email: Text,
    #[server(default)] code: Text,
) -> Result<TokenPair, ApiError> {
    let [flow, email, code] = text_fields([("flow", &flow), ("email", &email), ("code", &code)])?;
    let signed_in = accounts()
        .confirm_sign_in_code(flow, email, code, &device())
        .await?;
    if let Some(tokens) = &signed_in.device_tokens {
        set_device_cookie(tokens);
    }
    Ok(signed_in.tokens.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<ConfirmLoginCode>("Sign in with an emailed code", Access::Public)
        .required(&["flow", "email", "code"])
}
