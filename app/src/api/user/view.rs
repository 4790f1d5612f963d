//! The profile of the signed-in user.

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

/// The signed-in user. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The user's id, a UUID.
    pub id: String,
    /// The email address.
    pub email: String,
    /// The name; empty if there is none.
    pub name: String,
    /// The names of the user's roles, in alphabetical order.
    pub roles: Vec<String>,
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
    /// A JSON object that the user may change. No page reads it, so the browser app leaves it out, and the
    /// code that would parse it.
    #[cfg(feature = "ssr")]
    pub metadata: serde_json::Value,
}

/// `GET /api/user/view`: returns the user of the token.
///
/// # Errors
/// The errors of a missing or invalid token.
#[server(protocol = Get, prefix = "/api", endpoint = "user/view", client = SignedIn)]
pub async fn view() -> Result<Profile, ApiError> {
    let caller = authorize_enrolling().await?;
    profile(caller.user()).await
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<View>("Get the signed-in user", Access::EnrollingToken)
}

/// The profile of a user.
#[cfg(feature = "ssr")]
pub(super) async fn profile(user: &accounts::User) -> Result<Profile, ApiError> {
    Ok(Profile {
        id: user.id.to_string(),
        email: user.email.to_string(),
        name: user.name.to_string(),
        roles: user.roles.to_vec(),
        is_admin: user.is_admin,
        date_joined: user.date_joined.to_string(),
        last_login: user.last_login.map(|time| time.to_string()),
        email_verified: user.email_verified,
        otp_enabled: user.otp_enabled,
        metadata: accounts().metadata(user).await?,
    })
}
