use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Post, Text};

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The user's id, a UUID.
    pub id: String,
    /// The address as it is stored.
    pub email: String,
}

/// `POST /api/user/create`: makes an account, and mails a link that proves the address.
///
/// # Errors
/// Field errors for an email that is not one or is taken, and a password that breaks the rules.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "user/create")]
pub async fn create(
    #[server(default)] email: Text,
    #[server(default)] password: Text,
) -> Result<Created, ApiError> {
    let call = crate::api::Call::current();
    let [email, password] = crate::api::texts([("email", &email), ("password", &password)])?;
    let user = call
        .accounts
        .register(email, password, &call.device)
        .await?;
    Ok(Created {
        id: user.id.to_string(),
        email: user.email,
    })
}
