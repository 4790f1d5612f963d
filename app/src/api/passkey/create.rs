//! Beginning to add a passkey.

use leptos::prelude::*;
use serde_json::Value;

#[cfg(feature = "ssr")]
use super::options;
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

/// `POST /api/passkey/create`: begins to add a passkey. Returns what
/// `PublicKeyCredential.parseCreationOptionsFromJSON()` takes (WebAuthn, level 3). The password may be missing if
/// the session has used a passkey within 5 minutes.
///
/// # Errors
/// A field error for a wrong password, `email_unverified`, `conflict` with 20 passkeys, `permission_denied`
/// where browsers refuse passkeys, and the errors of a missing or invalid token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "passkey/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<Value, ApiError> {
    let caller = authorize_enrolling().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    Ok(accounts().begin_passkey(&caller, current_password).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Create>("Begin to add a passkey", Access::EnrollingToken)
        .created()
        .output(options)
        .errors(&[Code::EmailUnverified, Code::Conflict, Code::PermissionDenied])
}
