use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// The second factor is on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnedOn {
    /// Tokens that have passed it.
    #[serde(flatten)]
    pub pair: TokenPair,
    /// Codes for when the app is lost, each good once; they are shown this once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/totp/confirm`: turns the second factor on, with the app's first code.
///
/// # Errors
/// A field error for a wrong code, `throttled`, and those of a request without a good token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/confirm", client = SignedIn)]
pub async fn confirm(#[server(default)] code: Text) -> Result<TurnedOn, ApiError> {
    let call = crate::api::Call::current();
    let caller = call.authorize().await?;
    let [code] = crate::api::texts([("code", &code)])?;
    let (pair, recovery_codes) = call.accounts.confirm_totp(&caller, code).await?;
    Ok(TurnedOn {
        pair: pair.into(),
        recovery_codes,
    })
}
