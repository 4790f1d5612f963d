//! Invitations that wait to be accepted. `POST /api/admin/users` sends them.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, administrator},
    describe::{Access, Endpoint},
    text::text_fields,
};
use crate::{
    api::{ApiError, Delete, Query, Text},
    browser::SignedIn,
};

/// An invitation that waits to be accepted. Times are RFC 3339 in UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The id that the user will have, a UUID.
    pub id: String,
    /// The email address that it was sent to.
    pub email: String,
    /// The name that the user starts with; empty if there is none.
    pub name: String,
    /// The names of the roles that the user starts with, in alphabetical order.
    pub roles: Vec<String>,
    /// Whether the user will be an administrator.
    pub is_admin: bool,
    /// A JSON object that the user will be able to change.
    pub metadata: Value,
    /// A JSON object that only administrators will be able to change.
    pub app_metadata: Value,
    /// When it was sent.
    pub created_at: String,
    /// From when on it can't be accepted.
    pub expires_at: String,
    /// Who has sent it; null for an operator on the command line.
    pub invited_by: Option<Inviter>,
}

/// Who has sent an invitation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inviter {
    /// `user` for an administrator, or `service_key`.
    pub kind: String,
    /// The id of the administrator or of the key.
    pub id: String,
    /// The administrator's email address, or the name of the key; null if there is none any more.
    pub name: Option<String>,
}

/// A page of a list of invitations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationPage {
    /// The invitations, newest first.
    pub invitations: Vec<Invitation>,
    /// The `cursor` of the next page; null at the end.
    pub next_cursor: Option<String>,
}

/// `GET /api/admin/invitations`: returns a page of the invitations that wait, newest first. Needs an
/// administrator, or a service key with `users:read`.
///
/// # Errors
/// Field errors; the errors of missing or insufficient credentials.
#[server(protocol = Query, prefix = "/api", endpoint = "admin/invitations", client = SignedIn)]
pub async fn invitations(
    #[server(default)] limit: Text,
    #[server(default)] cursor: Text,
) -> Result<InvitationPage, ApiError> {
    let administrator = administrator(accounts::Scope::UsersRead).await?;
    let [limit, cursor] = text_fields([("limit", &limit), ("cursor", &cursor)])?;
    let accounts = accounts();
    let page = accounts.list_invitations(&administrator, limit, cursor);
    let page = page.await?;
    Ok(InvitationPage {
        invitations: page.invitations.into_iter().map(Into::into).collect(),
        next_cursor: page.next_cursor,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Invitations>("List the invitations that wait", Access::Administrator("users:read"))
}

/// `DELETE /api/admin/invitations/{id}`: revokes an invitation. Needs an administrator, or a service key with
/// `users:write`.
///
/// # Errors
/// `not_found`; `permission_denied` for a service, if the invited user would be an administrator; the errors
/// of missing or insufficient credentials.
#[server(protocol = Delete, prefix = "/api", endpoint = "admin/invitations/{id}", client = SignedIn)]
pub async fn revoke_invitation(#[server(default)] id: Text) -> Result<(), ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let accounts = accounts();
    let revoked = accounts.revoke_invitation(&administrator, id.as_str());
    Ok(revoked.await?)
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::no_content::<RevokeInvitation>("Revoke an invitation", Access::Administrator("users:write"))
}

#[cfg(feature = "ssr")]
impl From<accounts::Invitation> for Invitation {
    fn from(invitation: accounts::Invitation) -> Self {
        let (metadata, app_metadata) =
            (invitation.metadata_value(), invitation.app_metadata_value());
        let sender = invitation.actor_kind.zip(invitation.actor_id);
        Self {
            id: invitation.id.to_string(),
            email: invitation.email,
            name: invitation.name,
            roles: invitation.roles.to_vec(),
            is_admin: invitation.is_admin,
            metadata,
            app_metadata,
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            invited_by: sender.map(|(kind, id)| Inviter {
                kind,
                id: id.to_string(),
                name: invitation.actor_name,
            }),
        }
    }
}
