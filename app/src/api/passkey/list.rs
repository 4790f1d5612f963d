//! The passkeys of a user.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::context::{accounts, authorize_enrolling};
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::{
    api::{ApiError, Get},
    browser::SignedIn,
};

/// A passkey. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passkey {
    /// The passkey's id, a UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was added.
    pub created_at: String,
    /// When it was last used to sign in; null if it never was.
    pub last_used_at: Option<String>,
    /// Whether there are copies on other devices, as far as the authenticator has said.
    pub backed_up: bool,
}

/// `GET /api/passkey`: returns the user's passkeys, oldest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "passkey", client = SignedIn)]
pub async fn passkeys() -> Result<Vec<Passkey>, ApiError> {
    let caller = authorize_enrolling().await?;
    let passkeys = accounts().passkeys(&caller).await?;
    Ok(passkeys.into_iter().map(Into::into).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Passkeys>("List the passkeys", Access::EnrollingToken)
}

#[cfg(feature = "ssr")]
impl From<accounts::Passkey> for Passkey {
    fn from(passkey: accounts::Passkey) -> Self {
        Self {
            id: passkey.id.to_string(),
            name: passkey.name,
            created_at: passkey.created_at.to_string(),
            last_used_at: passkey.last_used_at.map(|time| time.to_string()),
            backed_up: passkey.backed_up,
        }
    }
}
