//! Rating a password while it is being chosen.

#[cfg(feature = "ssr")]
use languages::tr;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{context::accounts, text::text_fields};

/// How hard a password is to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Among the first that attackers try, or against the rules.
    Weak,
    /// Enough for most accounts.
    Fair,
    /// Hard to guess.
    Good,
    /// Very hard to guess.
    Strong,
}

/// How good a password is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordRating {
    /// How hard it is to guess.
    pub strength: Strength,
    /// The rules that it breaks, as sentences: the same that `user/create` reports.
    pub messages: Vec<String>,
}

/// `POST /api/user/password/check`: rates a password that a user is choosing. Nothing is stored.
///
/// # Errors
/// A field error for a missing password; `overloaded`.
#[server(protocol = Post, prefix = "/api", endpoint = "user/password/check")]
pub async fn check_password(
    #[server(default)] password: Text,
    #[server(default)] email: Text,
) -> Result<PasswordRating, ApiError> {
    let [password, email] = text_fields([("password", &password), ("email", &email)])?;
    let rating = accounts().rate_password(password, email).await?;
    Ok(PasswordRating {
        strength: rating.strength.into(),
        messages: rating
            .messages
            .into_iter()
            .map(|message| tr(message).to_owned())
            .collect(),
    })
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<CheckPassword>("Rate a password", Access::Public)
        .required(&["password"])
}

#[cfg(feature = "ssr")]
impl From<accounts::Strength> for Strength {
    fn from(strength: accounts::Strength) -> Self {
        match strength {
            accounts::Strength::Weak => Self::Weak,
            accounts::Strength::Fair => Self::Fair,
            accounts::Strength::Good => Self::Good,
            accounts::Strength::Strong => Self::Strong,
        }
    }
}
