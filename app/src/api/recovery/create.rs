use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// New recovery codes, shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecoveryCodes {
    /// Each is good once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/recovery/create`: makes new recovery codes; earlier ones are void.
///
/// # Errors
/// A field error for a wrong password, `permission_denied` without a second factor, and those of a
/// request without a good token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "recovery/create", client = SignedIn)]
pub async fn create(#[server(default)] current_password: Text) -> Result<RecoveryCodes, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [current_password] = crate::api::texts([("current_password", &current_password)])?;
    let recovery_codes = call
        .accounts
        .replace_recovery_codes(&caller, current_password)
        .await?;
    Ok(RecoveryCodes { recovery_codes })
}
