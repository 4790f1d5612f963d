//! The authenticator apps of a user.

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

/// An authenticator app in use. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticatorApp {
    /// The app's id, a UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was set up; null if an earlier version of Latchkey has done it.
    pub created_at: Option<String>,
    /// When a code of it was last used; null if none was since it was set up.
    pub last_used_at: Option<String>,
}

/// `GET /api/totp`: returns the user's authenticator apps, oldest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "totp", client = SignedIn)]
pub async fn apps() -> Result<Vec<AuthenticatorApp>, ApiError> {
    let caller = authorize().await?;
    let apps = accounts().authenticator_apps(&caller).await?;
    Ok(apps.iter().map(Into::into).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Apps>("List the authenticator apps", Access::Token)
}

#[cfg(feature = "ssr")]
impl From<&accounts::AuthenticatorApp> for AuthenticatorApp {
    fn from(app: &accounts::AuthenticatorApp) -> Self {
        Self {
            id: app.id.to_string(),
            name: app.name().to_owned(),
            created_at: app.created_at.map(|time| time.to_string()),
            last_used_at: app.last_used_at.map(|time| time.to_string()),
        }
    }
}
