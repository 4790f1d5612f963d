//! Adding a passkey.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[cfg(feature = "ssr")]
use crate::api::Code;
#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, authorize_enrolling},
    text::text_fields,
};
use crate::{
    api::{ApiError, Post, Text},
    browser::SignedIn,
};

/// A passkey that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedPasskey {
    /// The passkey's id, a UUID.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was added, in RFC 3339 and UTC.
    pub created_at: String,
}

/// `POST /api/passkey/confirm`: adds the passkey that the authenticator has created. `credential` is what
/// `PublicKeyCredential.toJSON()` returns. Without a name, the passkey gets that of the device.
///
/// # Errors
/// Field errors for a credential that can't be verified and for a name that is too long, `email_unverified`,
/// `conflict` with 20 passkeys, `permission_denied` where browsers refuse passkeys, and the errors of a missing
/// or invalid token.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "passkey/confirm", client = SignedIn)]
pub async fn confirm(
    #[server(default)] credential: Value,
    #[server(default)] name: Text,
) -> Result<AddedPasskey, ApiError> {
    let caller = authorize_enrolling().await?;
    let [name] = text_fields([("name", &name)])?;
    let added = accounts().add_passkey(&caller, &credential, name).await?;
    Ok(AddedPasskey {
        id: added.id.to_string(),
        name: added.name,
        created_at: added.created_at.to_string(),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Confirm>("Add a passkey", Access::EnrollingToken)
        .created()
        .required(&["credential"])
        .errors(&[Code::EmailUnverified, Code::Conflict, Code::PermissionDenied])
}
