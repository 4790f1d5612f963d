//! Registration.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
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

/// `POST /api/user/create`: creates an account, and emails a link that verifies the email address. With an
/// invitation, the address is that of the invitation, and verified.
///
/// # Errors
/// `permission_denied` unless registration is open or there is an invitation; field errors for an email
/// address that is invalid or taken, a password that breaks the rules, a name that is too long, and an
/// invitation that does not work.
#[server(protocol = Post<201>, prefix = "/api", endpoint = "user/create")]
pub async fn create(
    #[server(default)] email: Text,
    #[server(default)] password: Text,
    #[server(default)] name: Text,
    #[server(default)] invitation: Text,
) -> Result<Created, ApiError> {
    let accounts = accounts();
    accounts.require_registration(invitation != Text::Absent)?;
    let [email, password, name, token] = text_fields([
        ("email", &email),
        ("password", &password),
        ("name", &name),
        ("invitation", &invitation),
    ])?;
    let device = device();
    let user = match token {
        Some(token) => {
            let entered = accounts::Acceptance {
                token,
                email,
                password,
                name,
            };
            accounts.accept_invitation(entered, &device).await?
        }
        None => {
            let registered = accounts.register_named(email, password, name, &device);
            registered.await?
        }
    };
    Ok(Created {
        id: user.id.to_string(),
        email: user.email,
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Create>("Create an account", Access::Public)
        .created()
        .required(&["email", "password"])
}
