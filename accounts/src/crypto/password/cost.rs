//! The cost of a password hash.

use std::{fmt, str::FromStr};

use argon2::Params;

/// The length of a hash in bytes (RFC 9106, section 4).
pub(super) const HASH_LENGTH: usize = 32;

/// The cost of a password hash: Argon2id's memory, passes and lanes (RFC 9106, section 3.1).
#[derive(Clone, Debug)]
pub struct HashingCost(pub(super) Params);

/// Why a text is not a hashing cost.
#[derive(Debug, thiserror::Error)]
#[error(
    "write it as m=<KiB of memory>,t=<passes>,p=<lanes>, with m from 8 times p to 1048576, t from 1 to 64 and p from 1 to 16"
)]
pub struct InvalidHashingCost;

impl FromStr for HashingCost {
    type Err = InvalidHashingCost;

    /// Parses `m=19456,t=2,p=1`: memory in KiB, passes, lanes; each once, in any order.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut m, mut t, mut p) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(InvalidHashingCost)?;
            let slot = match name.trim() {
                "m" => &mut m,
                "t" => &mut t,
                "p" => &mut p,
                _ => return Err(InvalidHashingCost),
            };
            let value = value
                .trim()
                .parse::<u32>()
                .map_err(|_| InvalidHashingCost)?;
            if slot.replace(value).is_some() {
                return Err(InvalidHashingCost);
            }
        }
        let (Some(m @ ..=1_048_576), Some(t @ 1..=64), Some(p @ 1..=16)) = (m, t, p) else {
            return Err(InvalidHashingCost);
        };
        Params::new(m, t, p, Some(HASH_LENGTH))
            .map(Self)
            .map_err(|_| InvalidHashingCost)
    }
}

impl fmt::Display for HashingCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (m, t, p) = (self.0.m_cost(), self.0.t_cost(), self.0.p_cost());
        write!(f, "m={m},t={t},p={p}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_costs() {
        let parse = |text: &str| {
            text.parse::<HashingCost>()
                .map(|cost| cost.to_string())
                .ok()
        };
        assert_eq!(parse("m=19456,t=2,p=1").as_deref(), Some("m=19456,t=2,p=1"));
        assert_eq!(parse(" p=1, m=64 ,t=1").as_deref(), Some("m=64,t=1,p=1"));
        for bad in [
            "",
            "m=64",
            "m=64,t=1",
            "m=64,t=1,p=1,p=1",
            "m=1,t=1,p=1",
            "m=64,t=0,p=1",
            "m=64,t=1,p=0",
            "m=64,t=1,p=99",
            "m=9999999,t=1,p=1",
            "m=-1,t=1,p=1",
            "m=64;t=1;p=1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
