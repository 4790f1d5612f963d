//! Adding an authenticator app beside others.

use leptos::prelude::*;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text, totp::AuthenticatorApp},
    browser::SignedIn,
};

/// `POST /api/totp/add`: adds the authenticator app that `totp/create` has begun, with its first code, beside the
/// others. Sessions and recovery codes stay.
///
/// # Errors
/// Field errors for a wrong code and a name that is too long, `permission_denied` without a second factor,
/// `conflict` with 10 apps, `throttled`, and the errors of a missing or invalid token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "totp/add", client = SignedIn)]
pub async fn add(
    #[server(default)] code: Text,
    #[server(default)] name: Text,
) -> Result<AuthenticatorApp, ApiError> {
    let caller = authorize().await?;
    let [code, name] = text_fields([("code", &code), ("name", &name)])?;
    let added = accounts().add_totp(&caller, code, name).await?;
    Ok((&added).into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Add>("Add an authenticator app", Access::Token)
        .created()
        .required(&["code"])
        .errors(&[Code::Conflict])
}
