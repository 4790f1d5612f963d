//! Proving again who one is.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// `POST /api/user/reauthenticate`: checks the password and, where a second factor is on, a code of the
/// authenticator app. The new tokens of the session count as a sign-in at this time.
///
/// # Errors
/// Field errors for what is missing or wrong, `throttled`, and the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/reauthenticate", client = SignedIn)]
pub async fn reauthenticate(
    #[server(default)] current_password: Text,
    #[server(default)] code: Text,
) -> Result<TokenPair, ApiError> {
    let caller = authorize().await?;
    let [current_password, code] =
        text_fields([("current_password", &current_password), ("code", &code)])?;
    let pair = accounts()
        .reauthenticate(&caller, current_password, code)
        .await?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Reauthenticate>("Prove again who the user is", Access::Token)
        .required(&["current_password"])
}
