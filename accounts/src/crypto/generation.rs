//! The generation of a user's tokens: a short keyed code of the user's `jwt_secret`.
//!
//! Access tokens that are signed with a key of the server, not of the user, carry it as the claim `gen`.
//! Replacing the secret changes it, and so ends them. It reveals nothing of the secret, and only a master
//! secret can make it. The label is part of issued tokens: it never changes.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use super::{
    jwt_secret::JwtSecret,
    master_secrets::{MasterSecret, MasterSecrets},
};
use crate::id::Id;

/// The length of a generation before encoding, in bytes: 96 bits.
const LENGTH: usize = 12;

impl MasterSecrets {
    /// The generation of the tokens that are issued to this user now, in base64url.
    pub(crate) fn generation(&self, user_id: Id, secret: &JwtSecret) -> String {
        encode(self.current(), user_id, secret)
    }

    /// The generations that the user's valid tokens may have, one for each master secret, the current
    /// one first.
    pub(crate) fn generations(&self, user_id: Id, secret: &JwtSecret) -> Vec<String> {
        self.iter()
            .map(|master| encode(master, user_id, secret))
            .collect()
    }

    /// Whether this is one of the user's present generations.
    pub(crate) fn is_generation(&self, user_id: Id, secret: &JwtSecret, code: &str) -> bool {
        self.iter().any(|master| {
            let own = encode(master, user_id, secret);
            own.as_bytes().ct_eq(code.as_bytes()).into()
        })
    }
}

/// HKDF-Expand with an output this short is one HMAC-SHA-256, truncated (RFC 5869, 2.3).
fn encode(master: &MasterSecret, user_id: Id, secret: &JwtSecret) -> String {
    let secret = secret.text();
    let info: [&[u8]; 3] = [b"token generation 1", user_id.as_bytes(), secret.as_bytes()];
    BASE64_URL_SAFE_NO_PAD.encode(master.derive::<LENGTH>(&info))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    fn id(byte: u8) -> Id {
        Id::from_random([byte; 16])
    }

    #[test]
    fn a_generation_depends_on_the_master_secret_the_user_and_the_users_secret() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let both = MasterSecrets::parse(&format!("{NEW},{OLD}")).unwrap();
        let secret = |text| JwtSecret::from_text(text);
        let code = old.generation(id(1), &secret("a"));
        assert_eq!(code.len(), 16);
        for other in [
            new.generation(id(1), &secret("a")),
            old.generation(id(2), &secret("a")),
            old.generation(id(1), &secret("b")),
        ] {
            assert_ne!(other, code);
        }
        let codes = both.generations(id(1), &secret("a"));
        assert_eq!(codes, [new.generation(id(1), &secret("a")), code.clone()]);
        assert!(both.is_generation(id(1), &secret("a"), &code));
        assert!(!new.is_generation(id(1), &secret("a"), &code));
        for other in ["", &code[1..], &format!("{code}A")] {
            assert!(!both.is_generation(id(1), &secret("a"), other), "{other}");
        }
    }

    /// Released servers have issued tokens with it.
    #[test]
    fn issued_tokens_stay_valid() {
        let masters = MasterSecrets::parse(OLD).unwrap();
        let secret = JwtSecret::from_text("5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32");
        assert_eq!(masters.generation(id(1), &secret), "ACdpANA1aeMH65ZY");
    }
}
