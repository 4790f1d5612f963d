//! The secret in a cookie that binds a sign-in with a provider to one browser.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::random::Random;

/// 256 random bits, which only the browser keeps. What a sign-in needs to remember is derived from them and
/// the state of the sign-in, so that the database has nothing of it.
pub(crate) struct BrowserSecret([u8; 32]);

impl BrowserSecret {
    /// Creates a random secret.
    pub fn new(random: &dyn Random) -> Self {
        Self(random.bytes())
    }

    /// Reads the value of a cookie.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The value of the cookie.
    pub fn expose(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// The hash, for the database.
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// The `nonce` of a sign-in with this state (OpenID Connect Core, 3.1.2.1).
    pub fn nonce(&self, state: &str) -> String {
        self.derive(b"nonce 1 ", state)
    }

    /// The code verifier of a sign-in with this state (RFC 7636, 4.1).
    pub fn code_verifier(&self, state: &str) -> String {
        self.derive(b"verifier 1 ", state)
    }

    fn derive(&self, purpose: &[u8], state: &str) -> String {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        code.update(purpose);
        code.update(state.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(code.finalize().into_bytes())
    }
}

impl fmt::Debug for BrowserSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn what_is_derived_belongs_to_one_state_and_one_browser() {
        let secret = BrowserSecret::new(&OsRandom);
        let again = BrowserSecret::parse(&secret.expose()).unwrap();
        assert_eq!(secret.hash(), again.hash());
        assert_eq!(secret.nonce("a"), again.nonce("a"));
        // A code verifier has 43 to 128 characters.
        assert_eq!(secret.code_verifier("a").len(), 43);
        assert_ne!(secret.nonce("a"), secret.nonce("b"));
        assert_ne!(secret.nonce("a"), secret.code_verifier("a"));
        assert_ne!(secret.nonce("a"), BrowserSecret::new(&OsRandom).nonce("a"));
        assert_eq!(format!("{secret:?}"), "BrowserSecret(…)");
    }

    #[test]
    fn a_cookie_of_another_length_is_none() {
        let text = BrowserSecret::new(&OsRandom).expose();
        for other in ["", "x", &text[1..], &format!("{text}AAAA"), "ä"] {
            assert!(BrowserSecret::parse(other).is_none(), "{other}");
        }
    }
}
