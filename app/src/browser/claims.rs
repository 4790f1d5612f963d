//! What the browser reads from its own access token.

use leptos::prelude::window;

use super::json::Object;

/// The claims of an access token that the browser has a use for. They are taken on trust: to
/// check them is the server's business.
pub(super) struct Claims {
    /// The session's id. It stays the same over renewals.
    pub sid: String,
    /// Issued at, in seconds since 1970 by the server's clock.
    pub iat: u64,
    /// Expires at, in seconds since 1970 by the server's clock.
    pub exp: u64,
    /// How the user proved to be it (RFC 8176).
    amr: Vec<String>,
}

impl Claims {
    /// Reads the payload of a JWT (RFC 7519).
    pub fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let base64 = payload.replace('-', "+").replace('_', "/");
        let claims = Object::read(&window().atob(&base64).ok()?)?;
        Some(Self {
            sid: claims.text("sid")?,
            iat: claims.number("iat")?,
            exp: claims.number("exp")?,
            amr: claims.texts("amr")?,
        })
    }

    /// Whether the session has passed the second factor.
    pub fn has_second_factor(&self) -> bool {
        self.amr.iter().any(|method| method == "otp")
    }
}
