//! The same change to many users.

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
    api::{ApiError, PostList},
    browser::SignedIn,
};

/// What became of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkResult {
    /// The id, as it was sent.
    pub id: String,
    /// `ok`; `not_found`; or `conflict` for the last administrator, and for an administrator whom a service
    /// can't change.
    pub status: String,
}

/// What became of all users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BulkResults {
    /// In the order of the ids.
    pub results: Vec<BulkResult>,
}

/// `POST /api/admin/users/bulk`: activates, deactivates, signs out or deletes up to 1,000 users at once. Needs
/// an administrator, or a service key with `users:write`.
///
/// # Errors
/// Field errors, `reauthentication_required`; the errors of missing or insufficient credentials.
#[server(protocol = PostList, prefix = "/api", endpoint = "admin/users/bulk", client = SignedIn)]
pub async fn change_users(
    #[server(default)] ids: Value,
    #[server(default)] action: Value,
) -> Result<BulkResults, ApiError> {
    let administrator = administrator(accounts::Scope::UsersWrite).await?;
    let changed = accounts()
        .change_users(&administrator, &ids, &action)
        .await?;
    let results = changed.into_iter().map(|(id, status)| BulkResult {
        id,
        status: name(status).to_owned(),
    });
    Ok(BulkResults {
        results: results.collect(),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<ChangeUsers>("Change many users", Access::Administrator("users:write"))
        .required(&["ids", "action"])
        .errors(&[Code::ReauthenticationRequired])
}

#[cfg(feature = "ssr")]
fn name(status: accounts::BulkStatus) -> &'static str {
    match status {
        accounts::BulkStatus::Ok => "ok",
        accounts::BulkStatus::NotFound => "not_found",
        accounts::BulkStatus::Conflict => "conflict",
    }
}
