//! Stored password hashes: Latchkey's own, which are of Argon2id, and those that users were imported with.

use aes::{
    Aes256,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use argon2::{Argon2, Block, Params, Version};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::cost::{HASH_LENGTH, HashingCost};
use crate::error::Error;

/// The length of bcrypt's hashes in bytes.
pub(super) const BCRYPT_LENGTH: usize = 23;

/// The most characters of a password that bcrypt reads, with the NUL that ends it.
const BCRYPT_PASSWORD: usize = 72;

/// The most blocks of Argon2 that a hash may be worth to be accepted: about a second.
const MAX_WORK: u64 = 2_000_000;

/// The most memory in KiB that a hash may need to be accepted.
const MAX_MEMORY: u64 = 128 * 1024;

/// The memory of a thread.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
    /// The work of each hash so far: memory and passes of Argon2, or the blocks that it counts as.
    #[cfg(test)]
    pub hashes: Vec<(u32, u32)>,
}

impl Memory {
    /// Returns at least this many blocks.
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.blocks.len() < count {
            self.blocks.resize(count, Block::default());
        }
        &mut self.blocks
    }
}

/// How a hash is made from a password and a salt.
#[derive(Clone)]
pub(super) enum Algorithm {
    /// RFC 9106.
    Argon2 {
        variant: argon2::Algorithm,
        version: Version,
        params: Params,
    },
    Bcrypt {
        /// The logarithm of the number of rounds.
        cost: u32,
        /// Whether it is of the hexadecimal SHA-256 of the password.
        of_sha256: bool,
    },
    /// RFC 8018, with HMAC.
    Pbkdf2 { digest: Pbkdf2Digest, rounds: u32 },
    /// RFC 7914.
    Scrypt(scrypt::Params),
    /// Firebase's variant of scrypt: a key of the project, encrypted with AES-256-CTR.
    Firebase {
        params: scrypt::Params,
        salt_separator: Box<[u8]>,
        signer_key: Box<[u8]>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pbkdf2Digest {
    Sha1,
    Sha256,
    Sha512,
}

impl Pbkdf2Digest {
    /// The length of a digest in bytes. A longer hash would be computed in several parts.
    pub fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// A hash that was stored with everything that is needed to check a password.
pub(super) struct StoredHash {
    pub algorithm: Algorithm,
    pub salt: Box<[u8]>,
    pub hash: Box<[u8]>,
}

impl Algorithm {
    /// The algorithm of new hashes.
    pub fn current(params: &Params) -> Self {
        Self::Argon2 {
            variant: argon2::Algorithm::Argon2id,
            version: Version::V0x13,
            params: params.clone(),
        }
    }

    /// Whether new hashes are made like this.
    pub fn is_current(&self, current: &Params) -> bool {
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        self.is_own()
            && matches!(self, Self::Argon2 { params, .. } if cost(params) == cost(current))
    }

    /// Whether Latchkey itself may have made such a hash.
    pub fn is_own(&self) -> bool {
        matches!(
            self,
            Self::Argon2 {
                variant: argon2::Algorithm::Argon2id,
                version: Version::V0x13,
                ..
            }
        )
    }

    /// The same without what does not matter for the time that it takes.
    pub fn cost_only(&self) -> Self {
        match self {
            Self::Argon2 {
                variant,
                version,
                params,
            } => {
                let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
                Self::Argon2 {
                    variant: *variant,
                    version: *version,
                    params: Params::new(m, t, p, None).unwrap_or_default(),
                }
            }
            other => other.clone(),
        }
    }

    /// The number of Argon2's blocks that are filled for a hash, or in the time that another algorithm
    /// takes: on a processor with instructions for SHA-1 and SHA-256, and 0.55 µs for a block, bcrypt takes 66 µs
    /// for a round, PBKDF2 0.15 µs, with SHA-512 0.65 µs, and scrypt 0.26 µs for each of N·r·p.
    pub fn work(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => u64::from(params.m_cost()) * u64::from(params.t_cost()),
            Self::Bcrypt { cost, .. } => 120 << cost,
            Self::Pbkdf2 { digest, rounds } => match digest {
                Pbkdf2Digest::Sha1 | Pbkdf2Digest::Sha256 => u64::from(*rounds) * 2 / 7,
                Pbkdf2Digest::Sha512 => u64::from(*rounds) * 6 / 5,
            },
            Self::Scrypt(params) | Self::Firebase { params, .. } => {
                params.n() * u64::from(params.r()) * u64::from(params.p()) / 2
            }
        }
    }

    /// The memory that a hash needs, in KiB.
    fn memory(&self) -> u64 {
        match self {
            Self::Argon2 { params, .. } => params.m_cost().into(),
            Self::Scrypt(params) | Self::Firebase { params, .. } => {
                params.n() * u64::from(params.r()) / 8
            }
            Self::Bcrypt { .. } | Self::Pbkdf2 { .. } => 0,
        }
    }

    /// Whether a hash takes no longer than about a second, and no more than 128 MiB.
    pub fn is_affordable(&self) -> bool {
        self.work() <= MAX_WORK && self.memory() <= MAX_MEMORY
    }

    /// Whether new hashes need no less of either.
    pub fn is_covered_by(&self, current: &HashingCost) -> bool {
        let current = Self::current(&current.0);
        self.work() <= current.work() && self.memory() <= current.memory()
    }

    /// The usual length of a hash in bytes.
    pub fn output_length(&self) -> usize {
        match self {
            Self::Argon2 { .. } | Self::Scrypt(_) => HASH_LENGTH,
            Self::Bcrypt { .. } => BCRYPT_LENGTH,
            Self::Pbkdf2 { digest, .. } => digest.length(),
            Self::Firebase { signer_key, .. } => signer_key.len(),
        }
    }

    /// Computes a hash. With a salt of 16 bytes, this works for each algorithm.
    pub fn compute(
        &self,
        password: &SecretString,
        salt: &[u8],
        memory: &mut Memory,
        output: &mut [u8],
    ) -> Result<(), Error> {
        #[cfg(test)]
        memory.hashes.push(match self {
            Self::Argon2 { params, .. } => (params.m_cost(), params.t_cost()),
            other => (other.work().try_into().unwrap(), 1),
        });
        let password = password.expose_secret().as_bytes();
        let computed = match self {
            Self::Argon2 {
                variant,
                version,
                params,
            } => {
                let blocks = memory.blocks(params.block_count());
                Argon2::new(*variant, *version, params.clone())
                    .hash_password_into_with_memory(password, salt, output, blocks)
                    .map_err(|error| error.to_string())
            }
            Self::Bcrypt { cost, of_sha256 } => {
                let digest =
                    of_sha256.then(|| Zeroizing::new(hex::encode(Sha256::digest(password))));
                let text = digest.as_ref().map_or(password, |digest| digest.as_bytes());
                bcrypt(*cost, salt, text, output)
            }
            Self::Pbkdf2 { digest, rounds } => {
                let derive = match digest {
                    Pbkdf2Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
                    Pbkdf2Digest::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
                    Pbkdf2Digest::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
                };
                derive(password, salt, *rounds, output);
                Ok(())
            }
            Self::Scrypt(params) => scrypt(password, salt, params, output),
            Self::Firebase {
                params,
                salt_separator,
                signer_key,
            } => {
                let (salt, mut key) = ([salt, salt_separator].concat(), [0; 32]);
                let derived = scrypt(password, &salt, params, &mut key);
                copy(&aes_ctr(key, signer_key), output);
                derived
            }
        };
        computed.map_err(|error| Error::internal("can't hash a password", error))
    }
}

fn scrypt(
    password: &[u8],
    salt: &[u8],
    params: &scrypt::Params,
    output: &mut [u8],
) -> Result<(), String> {
    scrypt::scrypt(password, salt, params, output).map_err(|error| error.to_string())
}

/// Computes a bcrypt hash. The password ends with a NUL, unless it is cut off before.
fn bcrypt(cost: u32, salt: &[u8], password: &[u8], output: &mut [u8]) -> Result<(), String> {
    let salt = salt
        .try_into()
        .map_err(|_| "a salt of bcrypt has 16 bytes")?;
    let mut text = Zeroizing::new([0; BCRYPT_PASSWORD]);
    copy(password, &mut *text);
    let length = (password.len() + 1).min(BCRYPT_PASSWORD);
    copy(&bcrypt::bcrypt(cost, salt, &text[..length]), output);
    Ok(())
}

/// Encrypts with AES-256 in counter mode. The counter begins with zero.
fn aes_ctr(key: [u8; 32], text: &[u8]) -> Vec<u8> {
    let cipher = Aes256::new(&key.into());
    let mut encrypted = text.to_vec();
    for (counter, part) in encrypted.chunks_mut(16).enumerate() {
        let mut block = (counter as u128).to_be_bytes().into();
        cipher.encrypt_block(&mut block);
        for (byte, mask) in part.iter_mut().zip(block) {
            *byte ^= mask;
        }
    }
    encrypted
}

/// Copies as many bytes as both have.
fn copy(from: &[u8], to: &mut [u8]) {
    let length = from.len().min(to.len());
    to[..length].copy_from_slice(&from[..length]);
}
