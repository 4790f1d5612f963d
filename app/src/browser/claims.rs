//! The claims that the browser reads from its own access token.

use leptos::prelude::window;

use super::json::Json;

/// The claims of an access token that the browser uses. Their signature is not verified: only the
/// server can do that.
pub(super) struct Claims {
    /// The user's id.
    pub sub: String,
    /// The session's id. Renewals keep it.
    pub sid: String,
    /// Issued at, in seconds since 1970 by the server's clock.
    pub iat: u64,
    /// Expires at, in seconds since 1970 by the server's clock.
    pub exp: u64,
    /// Whether the session has completed the second factor, or its device is trusted: the authentication methods that
    /// were used (RFC 8176).
    pub has_second_factor: bool,
}

impl Claims {
    /// Reads the payload of a JWT (RFC 7519).
    pub fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let base64 = payload.replace('-', "+").replace('_', "/");
        let claims = Json::parse(&window().atob(&base64).ok()?)?;
        Some(Self {
            sub: claims.text("sub")?,
            sid: claims.text("sid")?,
            iat: claims.integer("iat")?,
            exp: claims.integer("exp")?,
            has_second_factor: claims.list_contains("amr", "otp")?
                // A trusted device and a passkey complete it, too.
                || claims.list_contains("amr", "rba")?
                || claims.list_contains("amr", "user")?,
        })
    }
}
