//! Turning the second factor on.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

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
    api::{ApiError, Post, Text, user::TokenPair},
    browser::SignedIn,
};

/// The response when the second factor is on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnedOn {
    /// Tokens that have completed the second factor.
    #[serde(flatten)]
    pub pair: TokenPair,
    /// Recovery codes, each valid once. They are shown only once.
    pub recovery_codes: Vec<String>,
}

/// `POST /api/totp/confirm`: turns the second factor on, with the first code of the app, which replaces all others.
///
/// # Errors
/// Field errors for a wrong code and a name that is too long, `throttled`, and the errors of a missing or invalid token.
#[server(protocol = Post, prefix = "/api", endpoint = "totp/confirm", client = SignedIn)]
pub async fn confirm(
    #[server(default)] code: Text,
    #[server(default)] name: Text,
) -> Result<TurnedOn, ApiError> {
    let caller = authorize_enrolling().await?;
    let [code, name] = text_fields([("code", &code), ("name", &name)])?;
    let (pair, recovery_codes) = accounts().confirm_totp(&caller, code, name).await?;
    Ok(TurnedOn {
        pair: pair.into(),
        recovery_codes,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Confirm>("Turn two-factor authentication on", Access::EnrollingToken)
        .flattened::<TokenPair, crate::api::recovery::RecoveryCodes>()
        .required(&["code"])
        .errors(&[Code::EmailUnverified])
}
