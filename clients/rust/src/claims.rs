//! The claims of an access token.

use serde::{Deserialize, Serialize};

/// The claims of a valid access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Claims {
    /// The issuer: Latchkey's public URL.
    pub iss: String,
    /// The subject: the ID of the user.
    pub sub: String,
    /// The ID of the session.
    pub sid: String,
    /// How the user has signed in (RFC 8176): `pwd`, `otp` and so on.
    pub amr: Vec<String>,
    /// When it was issued, in seconds since 1970.
    pub iat: i64,
    /// When it expires, in seconds since 1970.
    pub exp: i64,
    /// The ID of the token.
    pub jti: String,
    /// What it is for: always `access`.
    pub token_type: String,
    /// The generation of the user's tokens. `None` in what an introspection returns for a token that has
    /// none.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// The roles that administrators have given the user.
    #[serde(default)]
    pub roles: Vec<String>,
    /// When the user last proved who they are, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}
