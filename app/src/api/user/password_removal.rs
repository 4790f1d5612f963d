//! Doing without a password.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize, authorize_enrolling},
    text::text_fields,
};
use crate::{
    api::{ApiError, Get, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// What is known of a user's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordState {
    /// Whether there is one.
    pub is_set: bool,
    /// Whether the user may remove it: there are two passkeys, or one and recovery codes.
    pub can_be_removed: bool,
}

/// `GET /api/user/password`: returns whether the user has a password.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/password", client = SignedIn)]
pub async fn password() -> Result<PasswordState, ApiError> {
    let caller = authorize_enrolling().await?;
    let state = accounts().password_state(&caller).await?;
    Ok(PasswordState {
        is_set: state.is_set,
        can_be_removed: state.can_be_removed,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Password>("Get whether the user has a password", Access::EnrollingToken)
}

/// `POST /api/user/password/remove`: removes the password, and ends all other sessions.
///
/// # Errors
/// A field error for a wrong password, `conflict` where nothing can take its place, and the errors of a missing
/// or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/password/remove", client = SignedIn)]
pub async fn remove_password(
    #[server(default)] current_password: Text,
) -> Result<TokenPair, ApiError> {
    let caller = authorize().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    let pair = accounts()
        .remove_password(&caller, current_password)
        .await?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<RemovePassword>("Remove the password", Access::Token)
        .required(&["current_password"])
        .errors(&[Code::Conflict, Code::PermissionDenied])
}
