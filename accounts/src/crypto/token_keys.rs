//! The keys of each user's tokens, and their ids.
//!
//! A key is derived from a master secret *and* the user's own `jwt_secret`: neither alone forges a
//! token, and replacing the user's secret invalidates every token of that user. The labels are part
//! of issued tokens: they never change.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use subtle::ConstantTimeEq;

use super::{
    jwt_secret::JwtSecret,
    master_secrets::{MasterSecret, MasterSecrets},
};
use crate::id::Id;

/// The keys that verify a user's tokens, one for each master secret, the current one first.
pub(crate) type TokenKeys = Vec<DecodingKey>;

impl MasterSecrets {
    /// The key that signs this user's tokens.
    pub(crate) fn signing_key(&self, user_id: Id, secret: &JwtSecret) -> EncodingKey {
        EncodingKey::from_secret(&derive(self.current(), user_id, secret))
    }

    /// The keys that verify this user's tokens.
    pub(crate) fn verifying_keys(&self, user_id: Id, secret: &JwtSecret) -> TokenKeys {
        self.iter()
            .map(|master| DecodingKey::from_secret(&derive(master, user_id, secret)))
            .collect()
    }

    /// The id of the key that signs this user's tokens, for their header.
    ///
    /// It takes the master secret to make one, and none of the user's data: it is checked before
    /// the user is loaded, so that a forged token costs no query.
    pub(crate) fn key_id(&self, user_id: Id) -> String {
        key_id(self.current(), user_id)
    }

    /// Whether this is the id of one of the user's keys, under any of the master secrets.
    pub(crate) fn is_key_id(&self, user_id: Id, id: &str) -> bool {
        self.iter().any(|master| {
            key_id(master, user_id)
                .as_bytes()
                .ct_eq(id.as_bytes())
                .into()
        })
    }
}

/// The HS256 key of one user's tokens under one master secret.
fn derive(master: &MasterSecret, user_id: Id, secret: &JwtSecret) -> [u8; 32] {
    master.derive(&[b"token key 1", user_id.as_bytes(), secret.text().as_bytes()])
}

/// The id of this key: 96 unpredictable bits in base64url.
fn key_id(master: &MasterSecret, user_id: Id) -> String {
    let id: [u8; 12] = master.derive(&[b"key name 1", user_id.as_bytes()]);
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    fn key(masters: &MasterSecrets, user: u8, secret: &str) -> Vec<u8> {
        masters
            .signing_key(Id::from_random([user; 16]), &JwtSecret::from_text(secret))
            .as_bytes()
            .to_vec()
    }

    #[test]
    fn each_spelling_of_a_users_secret_has_a_key_of_its_own() {
        let masters = MasterSecrets::parse(OLD).unwrap();
        let lower = "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32";
        for other in [
            lower.to_uppercase(),
            lower.replace('-', ""),
            format!("{{{lower}}}"),
        ] {
            assert_ne!(key(&masters, 1, &other), key(&masters, 1, lower), "{other}");
        }
    }

    #[test]
    fn a_key_depends_on_the_master_secret_the_user_and_the_users_secret() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let keys = [
            key(&old, 1, "a"),
            key(&new, 1, "a"),
            key(&old, 2, "a"),
            key(&old, 1, "b"),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert_eq!(keys.iter().filter(|b| *b == a).count(), 1, "key {i}");
        }
        assert_eq!(key(&old, 1, "a"), keys[0]);
    }

    #[test]
    fn the_first_master_secret_signs_and_all_verify() {
        let both = MasterSecrets::parse(&format!("{NEW}, {OLD}")).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let old = MasterSecrets::parse(OLD).unwrap();
        let verifying = both.verifying_keys(Id::from_random([1; 16]), &JwtSecret::from_text("s"));
        let bytes = |index: usize| verifying[index].try_get_as_bytes().unwrap();
        assert_eq!(verifying.len(), 2);
        assert_eq!(bytes(0), key(&both, 1, "s"));
        assert_eq!(bytes(0), key(&new, 1, "s"));
        assert_eq!(bytes(1), key(&old, 1, "s"));
    }

    #[test]
    fn only_the_master_secret_makes_the_id_of_a_users_key() {
        let old = MasterSecrets::parse(OLD).unwrap();
        let new = MasterSecrets::parse(NEW).unwrap();
        let both = MasterSecrets::parse(&format!("{NEW},{OLD}")).unwrap();
        let (ada, grace) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
        let id = old.key_id(ada);
        assert!(old.is_key_id(ada, &id) && both.is_key_id(ada, &id));
        assert!(!old.is_key_id(grace, &id) && !new.is_key_id(ada, &id));
        for other in ["", "AAAAAAAAAAAAAAAA", &id[1..], &format!("{id}A")] {
            assert!(!old.is_key_id(ada, other), "{other}");
        }
        assert_eq!(both.key_id(ada), new.key_id(ada));
    }

    /// Released servers have issued tokens with these keys.
    #[test]
    fn issued_tokens_stay_valid() {
        let masters = MasterSecrets::parse(OLD).unwrap();
        let hex: String = key(&masters, 1, "5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32")
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            hex,
            "8f0c712fc9ecd9c6da21fbcacd6c83eb74f5eac0a97d403a5ac7758ceb458c1a"
        );
        assert_eq!(masters.key_id(Id::from_random([1; 16])), "GWflwMF19Z8qdSh7");
    }
}
