//! Creating recovery codes.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// New recovery codes, which are shown only once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Each is valid once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/recovery/create`: creates new recovery codes, and invalidates earlier ones.
///
/// # Errors
/// A field error for a wrong password, `permission_denied` without a second factor, and the errors
/// of a missing or invalid token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "recovery/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<RecoveryCodes, ApiError> {
    let caller = authorize().await?;
    let [current_password] = text_fields([("current_password", &current_password)])?;
    let recovery_codes = accounts()
        .replace_recovery_codes(&caller, current_password)
        .await?;
    Ok(RecoveryCodes { recovery_codes })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Create>("Create new recovery codes", Access::Token)
        .created()
}
