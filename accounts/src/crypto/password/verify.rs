//! The work of a hashing thread: hashing a password with Argon2id, and checking one. Hashes are PHC
//! strings.
//!
//! A wrong password and an unknown address must take the same time, even when stored hashes have
//! other costs than new ones, because the cost was changed since. So:
//! - every check that fails fills the same number of blocks of memory, Argon2's unit of work: what
//!   the stored hash needs less than the most expensive one so far is made up by more hashing;
//! - an unknown address is checked at the cost of the stored hash that was checked last. Blocks in a
//!   smaller memory are a little faster, and so both are the same sequence of the same hashes.

use std::sync::{Mutex, PoisonError};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::{
    cost::HASH_LENGTH,
    hashing::{Password, Verified},
};
use crate::error::Error;

/// The length of salts in bytes (RFC 9106, section 4).
pub(super) const SALT_LENGTH: usize = 16;

/// The memory of a thread.
#[derive(Default)]
pub(super) struct Memory {
    blocks: Vec<Block>,
    /// The cost (memory and passes) of each hash so far.
    #[cfg(test)]
    pub hashes: Vec<(u32, u32)>,
}

/// The costs of the stored hashes that were checked.
pub(super) struct SeenCosts {
    /// That of the last one. Its length of the output is not set.
    last: Params,
    /// The most blocks that any of them, or a new hash, fills.
    most: u64,
}

impl SeenCosts {
    pub fn new(current: &Params) -> Self {
        Self {
            last: cost_only(current),
            most: work(current),
        }
    }

    /// Adds the cost of a stored hash, or of an unknown address, which has that of the last one.
    /// Returns that cost, and the blocks that a failed check has to fill besides.
    fn add(&mut self, stored: Option<&Params>) -> (Params, u64) {
        if let Some(stored) = stored {
            self.last = cost_only(stored);
            self.most = self.most.max(work(stored));
        }
        (self.last.clone(), self.most - work(&self.last))
    }
}

fn cost_only(params: &Params) -> Params {
    let (m, t, p) = (params.m_cost(), params.t_cost(), params.p_cost());
    Params::new(m, t, p, None).unwrap_or_default()
}

/// The number of blocks that are filled for a hash.
fn work(params: &Params) -> u64 {
    u64::from(params.m_cost()) * u64::from(params.t_cost())
}

/// Hashes a new password.
pub(super) fn hash(
    password: &Password,
    salt: [u8; SALT_LENGTH],
    params: &Params,
    memory: &mut Memory,
) -> Result<String, Error> {
    let mut output = [0; HASH_LENGTH];
    compute(&password.text, &salt, params, memory, &mut output)?;
    phc(params, salt, output)
        .map_err(|error| Error::internal("can't encode a password hash", error))
}

/// Checks a password against a stored hash. Without one, the same work is done, and the result is
/// `Wrong`. If a new hash is needed, it gets this salt. A password that was typed in another form than
/// it is normalized to takes the work twice, since the hash may be of either.
pub(super) fn verify(
    password: &Password,
    stored: Option<&str>,
    salt: [u8; SALT_LENGTH],
    current: &Params,
    seen: &Mutex<SeenCosts>,
    memory: &mut Memory,
) -> Result<Verified, Error> {
    let stored = stored.and_then(|stored| {
        let hash = read_phc(stored);
        if hash.is_none() {
            tracing::error!(
                "a stored password hash is not an Argon2id PHC string, so no password matches"
            );
        }
        hash
    });
    let (last, missing) = seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .add(stored.as_ref().map(|(params, ..)| params));
    let mut is_right = |text: &SecretString| {
        let Some((params, stored_salt, stored_hash)) = &stored else {
            compute(text, &salt, &last, memory, &mut [0; HASH_LENGTH])?;
            fill(text, missing, current, memory)?;
            return Ok::<bool, Error>(false);
        };
        let mut output = vec![0; stored_hash.len()];
        compute(text, stored_salt, params, memory, &mut output)?;
        let is_right: bool = output.as_slice().ct_eq(stored_hash.as_bytes()).into();
        if !is_right {
            fill(text, missing, current, memory)?;
        }
        Ok(is_right)
    };
    let is_normalized = is_right(&password.text)?;
    if !is_normalized && !password.typed.as_ref().map_or(Ok(false), is_right)? {
        return Ok(Verified::Wrong);
    }
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    let is_current = stored.is_some_and(|(params, ..)| cost(&params) == cost(current));
    if is_normalized && is_current {
        Ok(Verified::Right)
    } else {
        hash(password, salt, current, memory).map(Verified::RightWithNewHash)
    }
}

/// Fills this many blocks: full passes over the memory of a new hash, then one over what remains.
/// Less than Argon2's smallest memory is not worth a hash.
fn fill(
    password: &SecretString,
    blocks: u64,
    current: &Params,
    memory: &mut Memory,
) -> Result<(), Error> {
    let (m, p) = (u64::from(current.m_cost()), current.p_cost());
    for (m, t) in [(m, blocks / m), (blocks % m, 1)] {
        let (Ok(m), Ok(t)) = (u32::try_from(m), u32::try_from(t)) else {
            continue;
        };
        if let Ok(params) = Params::new(m, t, p, Some(HASH_LENGTH)) {
            compute(
                password,
                &[0; SALT_LENGTH],
                &params,
                memory,
                &mut [0; HASH_LENGTH],
            )?;
        }
    }
    Ok(())
}

fn compute(
    password: &SecretString,
    salt: &[u8],
    params: &Params,
    memory: &mut Memory,
    output: &mut [u8],
) -> Result<(), Error> {
    #[cfg(test)]
    memory.hashes.push((params.m_cost(), params.t_cost()));
    let blocks = &mut memory.blocks;
    if blocks.len() < params.block_count() {
        blocks.resize(params.block_count(), Block::default());
    }
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, output, blocks)
        .map_err(|error| Error::internal("can't hash a password", error))
}

/// Parses a PHC string of Argon2id.
fn read_phc(text: &str) -> Option<(Params, Salt, Output)> {
    let stored = PasswordHash::new(text).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let is_argon2id = stored.algorithm == argon2::ARGON2ID_IDENT;
    Some((params, stored.salt?, stored.hash?)).filter(|_| is_argon2id)
}

/// Formats a hash as a PHC string.
fn phc(
    params: &Params,
    salt: [u8; SALT_LENGTH],
    output: [u8; HASH_LENGTH],
) -> Result<String, phc::Error> {
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|_| phc::Error::ParamsMaxExceeded)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(m: u32, t: u32) -> Params {
        Params::new(m, t, 1, Some(HASH_LENGTH)).unwrap()
    }

    /// The hashes that a check of a wrong password computes.
    struct Checker {
        password: Password,
        current: Params,
        seen: Mutex<SeenCosts>,
    }

    impl Checker {
        fn new(current: Params, password: &str) -> Self {
            Self {
                password: Password::new(password),
                seen: Mutex::new(SeenCosts::new(&current)),
                current,
            }
        }

        fn check(&self, stored: Option<&str>) -> Vec<(u32, u32)> {
            let mut memory = Memory::default();
            let verified = verify(
                &self.password,
                stored,
                [1; 16],
                &self.current,
                &self.seen,
                &mut memory,
            );
            assert_eq!(verified.unwrap(), Verified::Wrong);
            memory.hashes
        }
    }

    fn stored(params: &Params) -> String {
        let password = Password::new("right");
        hash(&password, [2; 16], params, &mut Memory::default()).unwrap()
    }

    fn blocks(hashes: &[(u32, u32)]) -> u64 {
        hashes
            .iter()
            .map(|(m, t)| u64::from(*m) * u64::from(*t))
            .sum()
    }

    #[test]
    fn a_wrong_password_and_an_unknown_address_cost_the_same_hashes() {
        for (old, current) in [
            (cost(64, 1), cost(64, 1)),
            (cost(64, 2), cost(64, 3)),
            (cost(64, 1), cost(256, 1)),
            (cost(64, 2), cost(100, 2)),
            (cost(200, 3), cost(64, 1)),
        ] {
            let (old, new) = (stored(&old), stored(&current));
            // The second one is not in Normalization Form C.
            for password in ["wrong", "cafe\u{301}"] {
                let checker = Checker::new(current.clone(), password);
                // Once the more expensive of the two has been seen.
                checker.check(Some(&old));
                for known in [&old, &new, &old] {
                    let wrong = checker.check(Some(known));
                    assert_eq!(checker.check(None), wrong, "{known}");
                    // A hash that was removed or is unreadable is no faster.
                    assert_eq!(checker.check(Some("!")), wrong, "{known}");
                }
                let hashes = [Some(&*old), Some(&*new), None].map(|stored| checker.check(stored));
                let all = hashes.map(|hashes| blocks(&hashes));
                assert!(all.iter().all(|blocks| *blocks == all[0]), "{all:?}");
            }
        }
    }

    #[test]
    fn a_raised_cost_holds_from_the_first_check_on() {
        let checker = Checker::new(cost(128, 2), "wrong");
        assert_eq!(blocks(&checker.check(None)), 256);
        assert_eq!(blocks(&checker.check(Some(&stored(&cost(64, 1))))), 256);
        assert_eq!(blocks(&checker.check(None)), 256);
    }
}
