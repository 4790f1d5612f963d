//! The claims that the browser reads from its own access token.

use leptos::prelude::window;
use serde::Deserialize;

/// The claims of an access token that the browser uses. Their signature is not verified: only the
/// server can do that.
#[derive(Deserialize)]
pub(super) struct Claims {
    /// The user's id.
    pub sub: String,
    /// The session's id. Renewals keep it.
    pub sid: String,
    /// Issued at, in seconds since 1970 by the server's clock.
    pub iat: u64,
    /// Expires at, in seconds since 1970 by the server's clock.
    pub exp: u64,
    /// The authentication methods that were used (RFC 8176).
    amr: Vec<String>,
}

impl Claims {
    /// Reads the payload of a JWT (RFC 7519).
    pub fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let base64 = payload.replace('-', "+").replace('_', "/");
        serde_json::from_str(&window().atob(&base64).ok()?).ok()
    }

    /// Returns whether the session has completed the second factor.
    pub fn has_second_factor(&self) -> bool {
        self.amr.iter().any(|method| method == "otp")
    }
}
