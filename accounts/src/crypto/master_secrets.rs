//! The server's master secrets, which every other key is derived from.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;

/// The server's master secrets. The first one signs and encrypts; all of them verify and decrypt,
/// so that a secret can be replaced without signing anyone out.
#[derive(Clone)]
pub struct MasterSecrets(Vec<MasterSecret>);

/// Why a list of master secrets is rejected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMasterSecret {
    /// The secret at this position in the list, counted from 1, is too short to be safe.
    #[error("a master secret must have 32 bytes or more; number {0} in the list is shorter")]
    TooShort(usize),
    /// Every old secret adds work to each rejected token.
    #[error("at most {} master secrets can be in use", MasterSecrets::LIMIT)]
    TooMany,
}

impl MasterSecrets {
    /// The maximum number of secrets in use at the same time.
    pub const LIMIT: usize = 8;

    /// The minimum length of a secret, in bytes.
    pub const MIN_LENGTH: usize = 32;

    /// Parses a comma-separated list, the signing secret first.
    ///
    /// # Errors
    /// A secret is shorter than [`Self::MIN_LENGTH`], or there are more than [`Self::LIMIT`].
    pub fn parse(list: &str) -> Result<Self, InvalidMasterSecret> {
        let secrets: Vec<&str> = list.split(',').map(str::trim).collect();
        if secrets.len() > Self::LIMIT {
            return Err(InvalidMasterSecret::TooMany);
        }
        if let Some(index) = secrets.iter().position(|s| s.len() < Self::MIN_LENGTH) {
            return Err(InvalidMasterSecret::TooShort(index + 1));
        }
        Ok(Self(secrets.into_iter().map(MasterSecret::new).collect()))
    }

    /// The secret that signs and encrypts.
    pub(super) fn current(&self) -> &MasterSecret {
        // `parse` never returns an empty list.
        &self.0[0]
    }

    /// All secrets, the current one first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &MasterSecret> {
        self.0.iter()
    }

    /// Derives a value from each secret, the current one first. See [`MasterSecret::derive`].
    pub(crate) fn codes<const N: usize>(&self, info: &[&[u8]]) -> impl Iterator<Item = [u8; N]> {
        self.iter().map(|master| master.derive(info))
    }
}

impl fmt::Debug for MasterSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterSecrets({} of them)", self.0.len())
    }
}

/// One master secret, ready for derivation (HKDF-SHA-256, RFC 5869).
#[derive(Clone)]
pub(super) struct MasterSecret(Hkdf<Sha256>);

impl MasterSecret {
    fn new(secret: &str) -> Self {
        Self(Hkdf::new(
            Some(b"latchkey master secret"),
            secret.as_bytes(),
        ))
    }

    /// Derives `N` bytes, up to 8,160, that are indistinguishable from random without the secret.
    /// `info` begins with a label for the purpose of the bytes.
    pub fn derive<const N: usize>(&self, info: &[&[u8]]) -> [u8; N] {
        let mut output = [0; N];
        self.0
            .expand_multi_info(info, &mut output)
            .expect("HKDF-SHA-256 derives up to 8,160 bytes");
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a master secret that has 32 bytes or more";

    #[test]
    fn short_secrets_are_refused_and_none_is_shown() {
        let refused = |list: &str| MasterSecrets::parse(list).err();
        assert_eq!(refused(""), Some(InvalidMasterSecret::TooShort(1)));
        assert_eq!(
            refused(&SECRET[..31]),
            Some(InvalidMasterSecret::TooShort(1))
        );
        assert_eq!(
            refused(&format!("{SECRET},{SECRET},")),
            Some(InvalidMasterSecret::TooShort(3))
        );
        assert_eq!(
            refused(&[SECRET; 9].join(",")),
            Some(InvalidMasterSecret::TooMany)
        );
        let shown = format!("{:?}", MasterSecrets::parse(SECRET));
        assert_eq!(shown, "Ok(MasterSecrets(1 of them))");
    }
}
