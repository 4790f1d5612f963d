//! Signing in, and renewing and verifying tokens.

#[cfg(feature = "ssr")]
use languages::tr;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::api::describe::{Access, Endpoint};
use crate::api::{ApiError, Post, Text};
#[cfg(feature = "ssr")]
use crate::api::{
    Code,
    context::{accounts, device, set_device_cookie},
    text::text_fields,
};

/// The tokens of a signed-in client.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenPair {
    /// The access token: a JWT that authorizes requests.
    pub token: String,
    /// The refresh token: a JWT that can be exchanged for the next pair once.
    pub refresh_token: String,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// The lifetime of the access token in seconds.
    pub expires_in: u64,
    /// Whether the second factor is still to be completed. Absent otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub otp_required: bool,
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
    /// How the user was authenticated (RFC 8176): `["pwd"]`, or `["mca"]` with an emailed code, then `"otp"`
    /// after a second factor; `["hwk","user"]` or `["swk","user"]` with a passkey.
    pub amr: Vec<String>,
    /// Issued at, in seconds since 1970.
    pub iat: i64,
    /// Expires at, in seconds since 1970.
    pub exp: i64,
    /// The token's own id.
    pub jti: String,
    /// The generation of the user's tokens, where a key of the server has signed it.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<String>,
    /// The roles that the user had when the token was issued, except those that were taken away since.
    #[serde(default)]
    pub roles: Vec<String>,
    /// When the user last proved who they are in this session, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
}

/// Adds a hint for everyone who may have registered and not opened the link yet, which is the same for
/// every email address.
#[cfg(feature = "ssr")]
fn credentials_error(error: accounts::Error) -> ApiError {
    if matches!(error, accounts::Error::InvalidCredentials) && accounts().requires_activation() {
        return ApiError::detail(
            Code::InvalidCredentials,
            tr(
                "Incorrect email or password. If you have just registered, open the link that we \
                 emailed you.",
            ),
        );
    }
    error.into()
}

/// `POST /api/user/login`: signs in, and starts a session for this device.
///
/// # Errors
/// `invalid_credentials`, `inactive_account`, `throttled`, and field errors for missing fields.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login")]
pub async fn login(
    #[server(default)] email: Text,
    #[server(default)] password: Text,
) -> Result<TokenPair, ApiError> {
    let [email, password] = text_fields([("email", &email), ("password", &password)])?;
    let signed_in = accounts().login(email, password, &device()).await;
    let signed_in = signed_in.map_err(credentials_error)?;
    if let Some(tokens) = &signed_in.device_tokens {
        set_device_cookie(tokens);
    }
    Ok(signed_in.tokens.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Login>("Sign in", Access::Public)
        .required(&["email", "password"])
        .errors(&[Code::InvalidCredentials, Code::InactiveAccount])
}

/// `POST /api/user/login/refresh`: exchanges a refresh token for a new pair.
///
/// # Errors
/// `token_expired`, `token_invalid`, and a field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/refresh")]
pub async fn refresh(#[server(default)] refresh_token: Text) -> Result<TokenPair, ApiError> {
    let [refresh_token] = text_fields([("refresh_token", &refresh_token)])?;
    let pair = accounts().refresh(refresh_token, &device()).await?;
    Ok(pair.into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Refresh>("Exchange a refresh token for a new pair", Access::Public)
        .required(&["refresh_token"])
        .errors(&[Code::TokenExpired, Code::TokenInvalid])
}

/// `POST /api/user/login/verify`: returns the claims of a valid access token, for other services.
///
/// # Errors
/// `token_expired`, `token_invalid`, and a field error for a missing token.
#[server(protocol = Post, prefix = "/api", endpoint = "user/login/verify")]
pub async fn verify(#[server(default)] token: Text) -> Result<Claims, ApiError> {
    let [token] = text_fields([("token", &token)])?;
    let accounts = accounts();
    Ok((&*accounts.verify(token).await?).into())
}

#[cfg(feature = "ssr")]
server_fn::inventory::submit! {
    Endpoint::new::<Verify>("Check an access token", Access::Public)
        .required(&["token"])
        .errors(&[
            Code::TokenExpired,
            Code::TokenInvalid,
            Code::OtpRequired,
            Code::SecondFactorSetupRequired,
        ])
}

#[cfg(feature = "ssr")]
impl From<accounts::TokenPair> for TokenPair {
    fn from(pair: accounts::TokenPair) -> Self {
        Self {
            token: pair.access_token,
            refresh_token: pair.refresh_token,
            token_type: "Bearer".into(),
            expires_in: pair.expires_in,
            otp_required: pair.otp_required,
        }
    }
}

#[cfg(feature = "ssr")]
impl From<&accounts::Claims> for Claims {
    fn from(claims: &accounts::Claims) -> Self {
        Self {
            iss: claims.iss.clone(),
            aud: claims.aud.clone(),
            sub: claims.sub.to_string(),
            sid: claims.sid.to_string(),
            token_type: claims.token_type.to_string(),
            amr: claims.amr.iter().map(ToString::to_string).collect(),
            iat: claims.iat,
            exp: claims.exp,
            jti: claims.jti.to_string(),
            generation: claims.generation.clone(),
            roles: claims.roles.clone().unwrap_or_default(),
            auth_time: claims.auth_time,
        }
    }
}
