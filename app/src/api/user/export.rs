//! Everything that is stored about the user.

use http::Method;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use server_fn::{ServerFn, client::Client, request::ClientReq};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize},
    user::{activity::event, sessions::session},
};
use crate::{
    api::{
        ApiError, Code, Get,
        passkey::Passkey,
        protocol::{JSON, send},
        totp::AuthenticatorApp,
        user::{Event, Session},
    },
    browser::SignedIn,
};

/// Everything that is stored about the signed-in user, except what is secret. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserExport {
    /// The account.
    pub user: ExportedUser,
    /// The sessions that have not ended.
    pub sessions: Vec<Session>,
    /// The audit events, newest first.
    pub activity: Vec<Event>,
    /// The emailed links that have not expired, newest first.
    pub links: Vec<SentLink>,
    /// The number of recovery codes that are left.
    pub recovery_codes_left: i64,
    /// When the recovery codes were created.
    pub recovery_codes_created_at: Option<String>,
    /// The authenticator apps, oldest first.
    pub authenticator_apps: Vec<AuthenticatorApp>,
    /// The passkeys, oldest first.
    pub passkeys: Vec<Passkey>,
    /// The devices on which no code of the second factor is needed, newest first.
    pub trusted_devices: Vec<TrustedDevice>,
    /// The linked accounts at providers.
    pub identities: Vec<ExportedIdentity>,
    /// The language of the emails, such as `de`, if it is known.
    pub language: Option<String>,
}

/// The account of the signed-in user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedUser {
    /// The user's id, a UUID.
    pub id: String,
    /// The email address.
    pub email: String,
    /// The name; empty if there is none.
    pub name: String,
    /// The names of the user's roles, in alphabetical order.
    pub roles: Vec<String>,
    /// Whether the account may be used.
    pub is_active: bool,
    /// Whether the user is an administrator of this server.
    pub is_admin: bool,
    /// When the account was created.
    pub date_joined: String,
    /// When the user last signed in.
    pub last_login: Option<String>,
    /// Whether the email address is verified.
    pub email_verified: bool,
    /// Whether signing in requires a second factor.
    pub otp_enabled: bool,
    /// A JSON object that the user may change.
    pub metadata: Value,
    /// A JSON object that only administrators may change.
    pub app_metadata: Value,
}

/// A device on which signing in takes no code of the second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedDevice {
    /// When the code was given.
    pub created_at: String,
    /// Until when it is trusted.
    pub expires_at: String,
}

/// An account at a provider that the user signs in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedIdentity {
    /// Its id, a UUID.
    pub id: String,
    /// The name of the provider.
    pub provider: String,
    /// The issuer.
    pub issuer: String,
    /// Its id at the issuer.
    pub subject: String,
    /// The email address that the provider named when it was linked.
    pub email: Option<String>,
    /// When it was linked.
    pub created_at: String,
    /// When it was linked or last used to sign in.
    pub last_used_at: String,
}

/// A link that was sent to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLink {
    /// What it is for: `activation`, `reset`, `email` (to change the address) or `undo`.
    pub purpose: String,
    /// The email address that it was sent to.
    pub email: String,
    /// The IP address from which it was requested.
    pub ip: String,
    /// The user agent from which it was requested.
    pub user_agent: String,
    /// When it was requested.
    pub created_at: String,
    /// When it was used.
    pub used_at: Option<String>,
    /// When it expires.
    pub expires_at: String,
}

/// `GET /api/user/export`: returns everything that is stored about the user of the token.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/export", client = SignedIn)]
pub async fn export() -> Result<UserExport, ApiError> {
    let caller = authorize().await?;
    let exported = accounts().export(&caller).await?;
    let codes = exported.recovery_codes;
    Ok(UserExport {
        user: (&exported.user).into(),
        sessions: exported
            .sessions
            .into_iter()
            .map(|listed| session(listed, Some(caller.session_id)))
            .collect(),
        activity: exported.events.into_iter().map(event).collect(),
        links: exported.links.into_iter().map(Into::into).collect(),
        recovery_codes_left: codes.left,
        recovery_codes_created_at: codes.created_at.map(|time| time.to_string()),
        authenticator_apps: exported.authenticator_apps.iter().map(Into::into).collect(),
        passkeys: exported.passkeys.into_iter().map(Into::into).collect(),
        trusted_devices: exported.trusted_devices.iter().map(Into::into).collect(),
        identities: exported.identities.into_iter().map(Into::into).collect(),
        language: exported.language,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Export>("Get everything that is stored about the user", Access::Token)
}

/// Returns what [`export`] responds with as it was sent. The browser app saves it as a file, so that it needs
/// no code that reads it.
///
/// # Errors
/// Those of [`export`].
pub async fn export_json() -> Result<String, ApiError> {
    type Request = <SignedIn as Client<ApiError>>::Request;
    let request = Request::try_new_req_query(Export::PATH, JSON, JSON, "", Method::GET);
    let body = send::<SignedIn>(request).await?;
    String::from_utf8(body.into()).map_err(|_| Code::Unknown.into())
}

#[cfg(feature = "ssr")]
impl From<&accounts::ManagedUser> for ExportedUser {
    fn from(managed: &accounts::ManagedUser) -> Self {
        let user = &managed.user;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            roles: user.roles.to_vec(),
            is_active: user.is_active,
            is_admin: user.is_admin,
            date_joined: user.date_joined.to_string(),
            last_login: user.last_login.map(|time| time.to_string()),
            email_verified: user.email_verified,
            otp_enabled: user.otp_enabled,
            metadata: managed.metadata_value(),
            app_metadata: managed.app_metadata_value(),
        }
    }
}

#[cfg(feature = "ssr")]
impl From<&accounts::TrustedDevice> for TrustedDevice {
    fn from(device: &accounts::TrustedDevice) -> Self {
        Self {
            created_at: device.created_at.to_string(),
            expires_at: device.expires_at.to_string(),
        }
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::Identity> for ExportedIdentity {
    fn from(identity: accounts::Identity) -> Self {
        Self {
            id: identity.id.to_string(),
            provider: identity.provider,
            issuer: identity.issuer,
            subject: identity.subject,
            email: identity.email,
            created_at: identity.created_at.to_string(),
            last_used_at: identity.last_used_at.to_string(),
        }
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::SentLink> for SentLink {
    fn from(link: accounts::SentLink) -> Self {
        Self {
            purpose: link.purpose,
            email: link.email,
            ip: link.ip,
            user_agent: link.user_agent,
            created_at: link.created_at.to_string(),
            used_at: link.used_at.map(|time| time.to_string()),
            expires_at: link.expires_at.to_string(),
        }
    }
}
