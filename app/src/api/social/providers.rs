//! The providers that users can sign in with.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Get};
#[cfg(feature = "ssr")]
use crate::api::{
    context::accounts,
    describe::{Access, Endpoint},
};

/// A provider that users can sign in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provider {
    /// Its name in paths.
    pub name: String,
    /// Its name for users.
    pub label: String,
}

/// `GET /api/social/providers`: returns the providers that users can sign in with, in the order of the settings.
///
/// # Errors
/// Only those of every request.
#[server(protocol = Get, prefix = "/api", endpoint = "social/providers")]
pub async fn providers() -> Result<Vec<Provider>, ApiError> {
    let accounts = accounts();
    let providers = accounts.providers().map(|(name, label)| Provider {
        name: name.to_owned(),
        label: label.to_owned(),
    });
    Ok(providers.collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Providers>("List the providers to sign in with", Access::Public)
}
