//! The linked accounts at providers.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    describe::{Access, Endpoint},
};
use crate::{
    api::{ApiError, Get},
    browser::SignedIn,
};

/// An account at a provider that the user signs in with. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Its id, a UUID.
    pub id: String,
    /// The name of the provider in paths.
    pub provider: String,
    /// The name of the provider for users.
    pub label: String,
    /// The email address that the provider named when it was linked.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: String,
    /// When it was linked or last used to sign in.
    pub last_used_at: String,
}

/// `GET /api/social`: returns the accounts at providers that the user signs in with, the oldest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "social", client = SignedIn)]
pub async fn list() -> Result<Vec<Identity>, ApiError> {
    let caller = authorize().await?;
    let identities = accounts().identities(&caller).await?;
    let listed = identities.into_iter().map(|(identity, label)| Identity {
        id: identity.id.to_string(),
        provider: identity.provider,
        label,
        email: identity.email,
        created_at: identity.created_at.to_string(),
        last_used_at: identity.last_used_at.to_string(),
    });
    Ok(listed.collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<List>("List the linked accounts at providers", Access::Token)
}
