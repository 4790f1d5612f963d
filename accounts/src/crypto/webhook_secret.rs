//! The secrets of webhooks, and the signatures that are made with them (Standard Webhooks 1.0).

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::random::Random;

const PREFIX: &str = "whsec_";

/// The specification allows 24 to 64.
const LENGTH: usize = 32;

/// The secret that a webhook and its receiver share.
pub(crate) struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Creates a secret.
    pub fn generate(random: &dyn Random) -> Self {
        Self(random.bytes::<LENGTH>().to_vec())
    }

    /// The secret with these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be stored encrypted.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text that the receiver is configured with.
    pub fn expose(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }

    /// Signs a message that is sent at this time, in seconds since 1970. Returns the value of the header
    /// `webhook-signature`.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use standardwebhooks::Webhook;

    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn signatures_are_those_of_the_reference_library() {
        let secret = WebhookSecret::generate(&OsRandom);
        let text = secret.expose();
        assert_eq!(text.len(), 6 + 44, "{text}");
        let reference = Webhook::new(&text).unwrap();
        let body = r#"{"type":"user.created","data":{"name":"Ä"}}"#;
        let expected = reference.sign("msg-1", 1_700_000_000, body.as_bytes());
        assert_eq!(secret.sign("msg-1", 1_700_000_000, body), expected.unwrap());
        let other = WebhookSecret::from_bytes(secret.as_bytes().to_vec());
        assert_ne!(
            other.sign("msg-1", 1_700_000_001, body),
            secret.sign("msg-1", 1_700_000_000, body)
        );
    }
}
