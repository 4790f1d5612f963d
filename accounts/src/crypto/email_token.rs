//! The secret tokens in emailed links, and the codes beside them.

use std::fmt;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::master_secrets::MasterSecrets;
use crate::{random::Random, text};

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

/// The number of digits of a code, and of codes.
const CODE_DIGITS: usize = 8;
const CODES: u64 = 10_u64.pow(8);

/// The code that an email shows beside its link, for links that arrive without their token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LinkCode(String);

impl LinkCode {
    /// Creates a random code.
    pub fn new(random: &dyn Random) -> Self {
        let number = u64::from_le_bytes(random.bytes()) % CODES;
        Self(format!("{number:0CODE_DIGITS$}"))
    }

    /// The digits in two groups, for the email.
    pub fn expose(&self) -> String {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        format!("{first} {second}")
    }

    /// The hash for the database. It is keyed, because there are few codes, and bound to the link.
    pub fn hash(&self, masters: &MasterSecrets, link_hash: &[u8]) -> Vec<u8> {
        let info = code_info(link_hash, &self.0);
        masters
            .codes::<32>(&info)
            .next()
            .unwrap_or_default()
            .to_vec()
    }
}

impl fmt::Debug for LinkCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkCode(…)")
    }
}

/// Whether this is the code of a link, under any of the master secrets. Spaces and hyphens don't
/// matter, nor which script the digits are of.
pub(crate) fn is_code_of(
    masters: &MasterSecrets,
    link_hash: &[u8],
    code_hash: &[u8],
    entered: &str,
) -> bool {
    let digits = text::code(entered);
    let info = code_info(link_hash, &digits);
    masters
        .codes::<32>(&info)
        .any(|hash| hash.as_slice().ct_eq(code_hash).into())
}

fn code_info<'a>(link_hash: &'a [u8], digits: &'a str) -> [&'a [u8]; 3] {
    [b"email code 1 ", link_hash, digits.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    fn full_width(digit: char) -> char {
        char::from_u32(u32::from(digit) - u32::from('0') + 0xff10).unwrap()
    }

    #[test]
    fn a_code_belongs_to_its_link() {
        let masters = MasterSecrets::parse("a master secret that has 32 bytes or more").unwrap();
        let code = LinkCode::new(&OsRandom);
        let hash = code.hash(&masters, b"link");
        let digits = code.0.clone();
        assert_eq!(digits.len(), 8);
        for entered in [
            digits.clone(),
            code.expose(),
            format!(" {}-", code.expose()),
            // The same digits in full width.
            digits.chars().map(full_width).collect(),
        ] {
            assert!(is_code_of(&masters, b"link", &hash, &entered), "{entered}");
        }
        assert!(!is_code_of(&masters, b"other", &hash, &digits));
        assert!(!is_code_of(&masters, b"link", &hash, &digits[1..]));
        assert!(!is_code_of(&masters, b"link", &hash, ""));
    }
}
