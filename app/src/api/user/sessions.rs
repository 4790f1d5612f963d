//! The signed-in devices of a user.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize, device},
    text::text_fields,
};
use crate::{
    api::{ApiError, Get, Post, Text},
    browser::SignedIn,
};

/// A signed-in device. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The session's id, a UUID.
    pub id: String,
    /// When the device signed in.
    pub created_at: String,
    /// When it last signed in or refreshed its tokens.
    pub last_used_at: String,
    /// Its IP address at that time.
    pub ip: String,
    /// The `User-Agent` header of that request; empty if it had none.
    pub user_agent: String,
    /// A name made from the user agent: `Firefox on Windows`, `curl`, `Unknown device`.
    pub device: String,
    /// Whether this request comes from that session.
    pub current: bool,
    /// Until when signing in on this device takes no code of the second factor. Absent if it takes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_until: Option<String>,
}

/// `GET /api/user/sessions`: returns the user's signed-in devices, newest first.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/sessions", client = SignedIn)]
pub async fn sessions() -> Result<Vec<Session>, ApiError> {
    let caller = authorize().await?;
    let sessions = accounts().sessions(&caller).await?;
    let current = Some(caller.session_id);
    let sessions = sessions.into_iter();
    Ok(sessions.map(|listed| session(listed, current)).collect())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Sessions>("List the signed-in devices", Access::Token)
}

/// A session in a list for a caller with this session.
#[cfg(feature = "ssr")]
pub(in crate::api) fn session(
    session: accounts::Session,
    current: Option<accounts::Id>,
) -> Session {
    Session {
        current: Some(session.id) == current,
        id: session.id.to_string(),
        created_at: session.created_at.to_string(),
        last_used_at: session.last_used_at.to_string(),
        ip: session.ip,
        device: accounts::device_name(&session.user_agent),
        user_agent: session.user_agent,
        trusted_until: session.trusted_until.map(|time| time.to_string()),
    }
}

/// `POST /api/user/sessions/revoke`: signs out one of the user's devices, and trusts it no longer.
///
/// # Errors
/// `not_found` for an id that is not one of the user's, a field error for a missing id, and the
/// errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/sessions/revoke", client = SignedIn)]
pub async fn revoke(#[server(default)] id: Text) -> Result<(), ApiError> {
    let caller = authorize().await?;
    let [id] = text_fields([("id", &id)])?;
    Ok(accounts().revoke(&caller, id).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<Revoke>("Sign out one device", Access::Token)
        .required(&["id"])
        .errors(&[Code::NotFound])
}

/// `POST /api/user/sessions/reject`: signs out a new device with the link of the email about it.
///
/// # Errors
/// A field error for a token that is missing, revoked or expired.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/sessions/reject")]
pub async fn reject_session(#[server(default)] token: Text) -> Result<(), ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().reject_session(token, &device()).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RejectSession>("Sign out a new device with an emailed link", Access::Public)
        .required(&["token"])
}

/// `POST /api/user/trusted_devices/revoke`: no longer trusts any device. Sessions continue; the next sign-in on each
/// device takes a code of the second factor.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Post<204>, prefix = "/api", endpoint = "user/trusted_devices/revoke", client = SignedIn)]
pub async fn revoke_trusted_devices() -> Result<(), ApiError> {
    let caller = authorize().await?;
    Ok(accounts().forget_trusted_devices(&caller).await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RevokeTrustedDevices>("Trust no device any more", Access::Token)
}
