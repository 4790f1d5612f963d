//! Looking at an emailed link.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{context::accounts, text::text_fields};

/// What an emailed link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// It verifies the email address of an account.
    Activation,
    /// It allows to choose a new password.
    Reset,
    /// It changes the email address of an account.
    EmailChange,
    /// It takes a change of the email address back.
    Undo,
    /// It ends a session on a new device.
    Session,
    /// It creates an account that an administrator has prepared.
    Invitation,
}

/// What an emailed link will do, and to which account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailedLink {
    /// What the link is for.
    pub purpose: LinkPurpose,
    /// The email address that the account has now.
    pub email: String,
    /// The email address that the account will have.
    pub new_email: Option<String>,
    /// When the account was created, for an activation; otherwise when the link was requested. RFC
    /// 3339 in UTC.
    pub created_at: String,
    /// The name of the device that did it.
    pub device: Option<String>,
    /// Whether the link was used already.
    pub used: bool,
}

/// `POST /api/user/link`: says what an emailed link is for. Nothing changes.
///
/// # Errors
/// A field error for a token that is missing, unknown, revoked or expired.
#[server(protocol = Post, prefix = "/api", endpoint = "user/link")]
pub async fn link(#[server(default)] token: Text) -> Result<EmailedLink, ApiError> {
    let [token] = text_fields([("token", &token)])?;
    Ok(accounts().link(token).await?.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Link>("Say what an emailed link is for", Access::Public)
        .required(&["token"])
}

#[cfg(feature = "ssr")]
impl From<accounts::LinkInfo> for EmailedLink {
    fn from(link: accounts::LinkInfo) -> Self {
        Self {
            purpose: match link.purpose {
                accounts::LinkPurpose::Activation => LinkPurpose::Activation,
                accounts::LinkPurpose::Reset => LinkPurpose::Reset,
                accounts::LinkPurpose::EmailChange => LinkPurpose::EmailChange,
                accounts::LinkPurpose::Undo => LinkPurpose::Undo,
                accounts::LinkPurpose::Session => LinkPurpose::Session,
                accounts::LinkPurpose::Invitation => LinkPurpose::Invitation,
            },
            email: link.email,
            new_email: link.new_email,
            created_at: link.created_at.to_string(),
            device: link.device,
            used: link.is_used,
        }
    }
}
