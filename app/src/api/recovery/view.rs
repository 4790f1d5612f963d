//! How many recovery codes are left.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::context::{accounts, authorize};
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::{
    api::{ApiError, Get},
    browser::SignedIn,
};

/// The recovery codes that a user has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodesLeft {
    /// The number of codes; 0 without a second factor.
    pub left: i64,
    /// When they were created, in RFC 3339 and UTC; null if there are none, or an earlier version of
    /// the server has created them.
    pub created_at: Option<String>,
}

/// `GET /api/recovery/view`: returns how many recovery codes are left.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "recovery/view", client = SignedIn)]
pub async fn view() -> Result<CodesLeft, ApiError> {
    let caller = authorize().await?;
    let codes = accounts().recovery_codes_left(&caller).await?;
    Ok(CodesLeft {
        left: codes.left,
        created_at: codes.created_at.map(|time| time.to_string()),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<View>("Count the recovery codes that are left", Access::Token)
}
