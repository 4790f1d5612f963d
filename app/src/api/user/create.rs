//! Registration.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{
    context::{accounts, device},
    text::text_fields,
};

/// A new account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The user's id, a UUID.
    pub id: String,
    /// The email address as it is stored.
    pub email: String,
}

/// `POST /api/user/create`: creates an account, and emails a link that verifies the email address.
///
/// # Errors
/// Field errors for an email address that is invalid or taken, a password that breaks the rules, and a name
/// that is too long.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "user/create")]
pub async fn create(
    #[server(default)] email: Text,
    #[server(default)] password: Text,
    #[server(default)] name: Text,
) -> Result<Created, ApiError> {
    let [email, password, name] =
        text_fields([("email", &email), ("password", &password), ("name", &name)])?;
    let user = accounts()
        .register_named(email, password, name, &device())
        .await?;
    Ok(Created {
        id: user.id.to_string(),
        email: user.email,
    })
}
