use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::{ApiError, Post, Text};

/// What a signed-in client keeps.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPair {
    /// The access token: a JWT that authorizes requests.
    pub token: String,
    /// The refresh token: a JWT that buys the next pair, once.
    pub refresh_token: String,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// The access token's life in seconds.
    pub expires_in: u64,
}

/// The claims of an access token (RFC 7519).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: the server's public URL.
    pub iss: String,
    /// Audience.
    pub aud: String,
    /// Subject: the user's id.
    pub sub: String,
    /// The session's id.
    pub sid: String,
    /// `access`.
    pub token_type: String,
    /// How the user proved to be it (RFC 8176): `["pwd"]` or `["pwd","otp"]`.
    pub amr: Vec<String>,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: String,
}

/// `POST /api/user/login`: signs in and starts a session for this device.
///
/// # Errors
/// `invalid_credentials`, `inactive_account`, `throttled`, field errors for missing fields.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login")]
pub async fn login(
    #[server(default)] email: Text,
    #[server(default)] password: Text,
) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let [email, password] = crate::api::texts([("email", &email), ("password", &password)])?;
    let signed_in = call.accounts.login(email, password, &call.device).await?;
    if let Some(tokens) = &signed_in.device_tokens {
        call.keep_device_tokens(tokens);
    }
    Ok(signed_in.tokens.into())
}

/// `POST /api/user/login/refresh`: a new pair for a refresh token, which is retired by this.
///
/// # Errors
/// `token_expired`, `token_invalid`, a field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/refresh")]
pub async fn refresh(#[server(default)] refresh_token: Text) -> Result<TokenPair, ApiError> {
    let call = crate::api::Call::current();
    let [refresh_token] = crate::api::texts([("refresh_token", &refresh_token)])?;
    let pair = call.accounts.refresh(refresh_token, &call.device).await?;
    Ok(pair.into())
}

/// `POST /api/user/login/verify`: the claims of an access token that is good now, for other
/// services.
///
/// # Errors
/// `token_expired`, `token_invalid`, a field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/verify")]
pub async fn verify(#[server(default)] token: Text) -> Result<Claims, ApiError> {
    let call = crate::api::Call::current();
    let [token] = crate::api::texts([("token", &token)])?;
    let claims = call.accounts.verify(token).await?;
    Ok(claims.into())
}

#[cfg(feature = "ssr")]
impl From<accounts::TokenPair> for TokenPair {
    fn from(pair: accounts::TokenPair) -> Self {
        Self {
            token: pair.access_token,
            refresh_token: pair.refresh_token,
            token_type: "Bearer".into(),
            expires_in: pair.expires_in,
        }
    }
}

#[cfg(feature = "ssr")]
impl From<accounts::Claims> for Claims {
    fn from(claims: accounts::Claims) -> Self {
        Self {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub.to_string(),
            sid: claims.sid.to_string(),
            token_type: claims.token_type.to_string(),
            amr: claims.amr.iter().map(ToString::to_string).collect(),
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti.to_string(),
        }
    }
}
