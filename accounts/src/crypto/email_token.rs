//! The secret tokens in emailed links.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::random::Random;

/// The token of an emailed link: 256 random bits in base64url. The database stores only its hash,
/// and emails that wait to be sent are encrypted.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LinkToken(String);

impl LinkToken {
    /// Creates a random token.
    pub fn new(random: &dyn Random) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(random.bytes::<32>()))
    }

    /// The text, for the link.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The hash, for the database.
    pub fn hash(&self) -> Vec<u8> {
        hash(&self.0)
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

/// Hashes a token. A fast hash is enough, because 256 random bits can't be guessed.
pub(crate) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
