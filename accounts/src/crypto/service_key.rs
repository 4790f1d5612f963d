//! The text of service keys, `lk_<id>_<secret>`, with which other services call the API.
//!
//! The id is 32 hexadecimal digits, and the secret 256 random bits in base64url. With that many bits, a
//! fast hash of the secret is enough: there is nothing to guess.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{id::Id, random::Random};

const PREFIX: &str = "lk_";
const ID_LENGTH: usize = 32;
const SECRET_LENGTH: usize = 32;

/// The hash of a key, as it is stored.
pub(crate) type KeyHash = [u8; 32];

/// A key that a client has presented, or a new one.
pub(crate) struct ServiceKeyText {
    pub id: Id,
    pub hash: KeyHash,
}

impl ServiceKeyText {
    /// Creates a key. Returns it with its text, which is not stored anywhere.
    pub fn generate(random: &dyn Random) -> (Self, String) {
        let (id, secret): (Id, [u8; SECRET_LENGTH]) = (random.id(), random.bytes());
        let digits = id.to_string().replace('-', "");
        let text = format!("{PREFIX}{digits}_{}", BASE64_URL_SAFE_NO_PAD.encode(secret));
        let hash = hash(id, &secret);
        (Self { id, hash }, text)
    }

    /// Parses a presented key. Only the spelling in which keys are created is one.
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID_LENGTH)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if !digits.bytes().all(is_digit) {
            return None;
        }
        let id = digits.parse().ok()?;
        let secret = BASE64_URL_SAFE_NO_PAD.decode(secret.strip_prefix('_')?);
        let secret: [u8; SECRET_LENGTH] = secret.ok()?.try_into().ok()?;
        let hash = hash(id, &secret);
        Some(Self { id, hash })
    }

    /// Whether this is the key with the stored hash, in constant time.
    pub fn matches(&self, stored: &[u8]) -> bool {
        self.hash.ct_eq(stored).into()
    }
}

fn hash(id: Id, secret: &[u8; SECRET_LENGTH]) -> KeyHash {
    Sha256::new()
        .chain_update(b"service key 1")
        .chain_update(id.as_bytes())
        .chain_update(secret)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn a_key_is_read_in_its_own_spelling_only() {
        let (key, text) = ServiceKeyText::generate(&OsRandom);
        assert_eq!(text.len(), 3 + 32 + 1 + 43);
        let read = ServiceKeyText::parse(&text).unwrap();
        assert_eq!(read.id, key.id);
        assert!(read.matches(&key.hash) && !read.matches(&key.hash[1..]));
        let (head, secret) = text.split_at(36);
        // The last character has two unused bits, which must be zero.
        let (rest, last) = secret.split_at(42);
        let unused = char::from(last.as_bytes()[0] + 1);
        for other in [
            "",
            "lk_",
            &text[1..],
            &text[..78],
            &format!("{text}A"),
            &format!("{text}="),
            &format!(" {text}"),
            &format!("{}{secret}", head.to_uppercase()),
            &format!("lk_{}_{secret}", key.id),
            &format!("{head}{rest}{unused}"),
            &format!("{head}{rest}é"),
            &format!("lk_{}é_{secret}", &head[3..34]),
        ] {
            assert!(ServiceKeyText::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn each_key_has_a_hash_of_its_own() {
        let (one, text) = ServiceKeyText::generate(&OsRandom);
        let (two, other) = ServiceKeyText::generate(&OsRandom);
        assert_ne!(one.hash, two.hash);
        // The secret of one key with the id of another.
        let mixed = format!("{}{}", &text[..36], &other[36..]);
        let mixed = ServiceKeyText::parse(&mixed).unwrap();
        assert!(!mixed.matches(&one.hash) && !mixed.matches(&two.hash));
    }
}
