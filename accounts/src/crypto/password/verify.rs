//! The work of a hashing thread: hashing a password with Argon2id, and checking one. New hashes are PHC
//! strings; users who were imported have others until they sign in.
//!
//! A wrong password and an unknown address must take the same time, even when stored hashes have
//! other costs than new ones, because the cost was changed since. So:
//! - every check that fails fills the same number of blocks of memory, Argon2's unit of work: what
//!   the stored hash needs less than the most expensive one so far is made up by more hashing;
//! - an unknown address is checked at the cost of the stored hash that was checked last. Blocks in a
//!   smaller memory are a little faster, and so both are the same sequence of the same hashes.
//!
//! For hashes of other algorithms, the number of blocks that take as long is an estimate.

use std::sync::{Mutex, PoisonError};

use argon2::{
    Params, PasswordHash, Version,
    password_hash::phc::{self, Output, ParamsString, Salt},
};
use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::{
    cost::HASH_LENGTH,
    entered::Password,
    stored::{Algorithm, Memory, StoredHash},
};
use crate::error::Error;

/// The result of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and this is its hash at the current cost, because the stored one has
    /// another, is of another algorithm, or is of the password as it was typed.
    RightWithNewHash(String),
}

/// The length of salts in bytes (RFC 9106, section 4).
pub(super) const SALT_LENGTH: usize = 16;

/// The costs of the stored hashes that were checked.
pub(super) struct SeenCosts {
    /// The algorithm of the last one.
    last: Algorithm,
    /// The most blocks that any of them, or a new hash, fills.
    most: u64,
}

impl SeenCosts {
    pub fn new(current: &Params) -> Self {
        let current = Algorithm::current(current);
        Self {
            last: current.cost_only(),
            most: current.work(),
        }
    }

    /// Adds the cost of a stored hash, or of an unknown address, which has that of the last one.
    /// Returns that algorithm, and the blocks that a failed check has to fill besides.
    fn add(&mut self, stored: Option<&Algorithm>) -> (Algorithm, u64) {
        if let Some(stored) = stored {
            self.last = stored.cost_only();
            self.most = self.most.max(stored.work());
        }
        (
            self.last.clone(),
            self.most.saturating_sub(self.last.work()),
        )
    }
}

/// Hashes a new password.
pub(super) fn hash(
    password: &Password,
    salt: [u8; SALT_LENGTH],
    params: &Params,
    memory: &mut Memory,
) -> Result<String, Error> {
    let mut output = [0; HASH_LENGTH];
    Algorithm::current(params).compute(&password.text, &salt, memory, &mut output)?;
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
        StoredHash::parse(stored)
            .inspect_err(|reason| {
                tracing::error!(%reason, "no password matches a stored password hash");
            })
            .ok()
    });
    let (last, missing) = seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .add(stored.as_ref().map(|stored| &stored.algorithm));
    let mut is_right = |text: &SecretString| {
        let Some(stored) = &stored else {
            last.compute(text, &salt, memory, &mut vec![0; last.output_length()])?;
            fill(text, missing, current, memory)?;
            return Ok::<bool, Error>(false);
        };
        let mut output = vec![0; stored.hash.len()];
        let algorithm = &stored.algorithm;
        algorithm.compute(text, &stored.salt, memory, &mut output)?;
        let is_right: bool = output.as_slice().ct_eq(&stored.hash).into();
        if !is_right {
            fill(text, missing, current, memory)?;
        }
        Ok(is_right)
    };
    let is_normalized = is_right(&password.text)?;
    if !is_normalized && !password.typed.as_ref().map_or(Ok(false), is_right)? {
        return Ok(Verified::Wrong);
    }
    let is_current = stored.is_some_and(|stored| stored.algorithm.is_current(current));
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
            Algorithm::current(&params).compute(
                password,
                &[0; SALT_LENGTH],
                memory,
                &mut [0; HASH_LENGTH],
            )?;
        }
    }
    Ok(())
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
    fn hashes_of_other_algorithms_take_the_same_work_as_unknown_addresses() {
        let checker = Checker::new(cost(64, 1), "cafe\u{301}");
        let own = stored(&cost(64, 1));
        let others = [
            "bcrypt$$2b$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
            "pbkdf2_sha256$1000$saltsalt$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
            "scrypt$16$saltsalt$2$3$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I=",
        ];
        checker.check(Some(others[0]));
        for known in [others[0], &own, others[1], others[2]] {
            let wrong = checker.check(Some(known));
            assert_eq!(checker.check(None), wrong, "{known}");
            // What is less than the smallest hash is not made up for.
            assert!(blocks(&wrong).abs_diff(2 * (120 << 4)) < 16, "{wrong:?}");
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
