//! Service keys, for administrators only.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::context::{accounts, administrator};
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::{
    api::{ApiError, Delete, PostTo, Query, Text},
    browser::SignedIn,
};

/// A service key. Times are RFC 3339 in UTC.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKey {
    /// The key's id, a UUID.
    pub id: String,
    /// What the key is for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it was created.
    pub created_at: String,
    /// From when on it is no longer accepted; null if it is until it is revoked.
    pub expires_at: Option<String>,
    /// When it was last used, to a few minutes.
    pub last_used_at: Option<String>,
    /// The key itself, only in the response that creates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// All service keys.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceKeys {
    /// The keys, oldest first.
    pub keys: Vec<ServiceKey>,
}

/// `GET /api/admin/keys`: returns all service keys. Needs an administrator.
///
/// # Errors
/// `permission_denied` for a service key, whatever its scopes; the errors of missing or insufficient
/// credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/keys", client = SignedIn)]
pub async fn keys() -> Result<ServiceKeys, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let keys = accounts().list_managed_keys(&administrator).await?;
    Ok(ServiceKeys {
        keys: keys.into_iter().map(Into::into).collect(),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Keys>("List the service keys", Access::AdministratorOnly)
}

/// `POST /api/admin/keys`: creates a service key, which can't be read again. Needs an administrator.
///
/// # Errors
/// Field errors, `reauthentication_required`, `email_unverified`; `permission_denied` for a service key,
/// whatever its scopes; the errors of missing or insufficient credentials.
#[server(protocol = PostTo<201>, prefix = "/api", endpoint = "admin/keys", client = SignedIn)]
pub async fn create_key(
    #[server(default)] name: Value,
    #[server(default)] scopes: Value,
    #[server(default)] expires_at: Value,
) -> Result<ServiceKey, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let created = accounts.create_managed_key(&administrator, &name, &scopes, &expires_at);
    let (key, text) = created.await?;
    Ok(ServiceKey {
        key: Some(text),
        ..key.into()
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<CreateKey>("Create a service key", Access::AdministratorOnly)
        .created()
        .required(&["name", "scopes"])
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified])
}

/// `DELETE /api/admin/keys/{id}`: revokes a service key. Needs an administrator.
///
/// # Errors
/// `not_found`, `reauthentication_required`, `email_unverified`; `permission_denied` for a service key,
/// whatever its scopes; the errors of missing or insufficient credentials.
#[server(protocol = Delete, prefix = "/api", endpoint = "admin/keys/{id}", client = SignedIn)]
pub async fn revoke_key(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let revoked = accounts.revoke_managed_key(&administrator, id.as_str());
    Ok(revoked.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RevokeKey>("Revoke a service key", Access::AdministratorOnly)
        .errors(&[Code::ReauthenticationRequired, Code::EmailUnverified])
}

#[cfg(feature = "ssr")]
impl From<accounts::ServiceKey> for ServiceKey {
    fn from(key: accounts::ServiceKey) -> Self {
        Self {
            id: key.id.to_string(),
            scopes: key.scopes.split(' ').map(str::to_owned).collect(),
            name: key.name,
            created_at: key.created_at.to_string(),
            expires_at: key.expires_at.map(|time| time.to_string()),
            last_used_at: key.last_used_at.map(|time| time.to_string()),
            key: None,
        }
    }
}
