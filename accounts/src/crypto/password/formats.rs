//! The texts in which password hashes are stored, here and in the systems that users come from. What kind a
//! hash is of, is read from the hash itself.

use argon2::{Params, PasswordHash, Version};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{
    cost::HashingCost,
    stored::{Algorithm, BCRYPT_LENGTH, Pbkdf2Digest, StoredHash},
};

/// The maximum length of a stored hash, in bytes.
const MAX_LENGTH: usize = 1024;

/// The minimum length of what is compared, in bytes.
const MIN_HASH: usize = 16;

/// The dearest Argon2id hash that Latchkey can be set to make: memory in KiB, passes, lanes.
const MAX_OWN_COST: (u32, u32, u32) = (1_048_576, 64, 16);

/// Why a text is no hash that passwords can be checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHash {
    #[error("This kind of password hash is unknown.")]
    UnknownKind,
    #[error("This password hash is malformed.")]
    Malformed,
    #[error("Checking this password hash would take too much time or memory.")]
    TooExpensive,
}

use InvalidHash::{Malformed, TooExpensive, UnknownKind};

/// Without padding or with it, as texts of either kind arrive.
const BASE64: GeneralPurpose = engine(&alphabet::STANDARD, false);

/// bcrypt's letters. Some libraries leave bits in the last one of the salt.
const BCRYPT: GeneralPurpose = engine(&alphabet::BCRYPT, true);

const fn engine(alphabet: &alphabet::Alphabet, allows_trailing_bits: bool) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(allows_trailing_bits);
    GeneralPurpose::new(alphabet, config)
}

/// Checks whether users may be imported with this hash, where new hashes have this cost.
pub(super) fn check_imported(text: &str, current: &HashingCost) -> Result<(), InvalidHash> {
    let algorithm = StoredHash::parse(text)?.algorithm;
    if algorithm.is_affordable() || algorithm.is_covered_by(current) {
        Ok(())
    } else {
        Err(TooExpensive)
    }
}

impl StoredHash {
    /// Reads a stored hash. One that is too expensive is an error. Latchkey's own may cost what it can be
    /// set to.
    pub fn parse(text: &str) -> Result<Self, InvalidHash> {
        if text.len() > MAX_LENGTH || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Malformed);
        }
        let stored = parse_any(text)?;
        let is_long_enough = stored.hash.len() >= MIN_HASH || stored.algorithm.is_own();
        if !is_long_enough || stored.salt.is_empty() {
            return Err(Malformed);
        }
        if !stored.algorithm.is_own() && !stored.algorithm.is_affordable() {
            return Err(TooExpensive);
        }
        Ok(stored)
    }
}

fn parse_any(text: &str) -> Result<StoredHash, InvalidHash> {
    // Django writes the name of the algorithm before what its library returns.
    let (name, rest) = text.split_once('$').ok_or(UnknownKind)?;
    match name {
        "" => match rest.split('$').next().unwrap_or_default() {
            "argon2id" | "argon2i" | "argon2d" => argon2(text),
            "2a" | "2b" | "2y" => bcrypt(text, false),
            "scrypt" => scrypt_phc(rest),
            "pbkdf2-sha1" => pbkdf2_phc(rest, Pbkdf2Digest::Sha1),
            "pbkdf2-sha256" => pbkdf2_phc(rest, Pbkdf2Digest::Sha256),
            "pbkdf2-sha512" => pbkdf2_phc(rest, Pbkdf2Digest::Sha512),
            "fbscrypt" => firebase(rest),
            _ => Err(UnknownKind),
        },
        "argon2" => argon2(&text[name.len()..]),
        "bcrypt" => bcrypt(rest, false),
        "bcrypt_sha256" => bcrypt(rest, true),
        "pbkdf2_sha1" => pbkdf2_django(rest, Pbkdf2Digest::Sha1),
        "pbkdf2_sha256" => pbkdf2_django(rest, Pbkdf2Digest::Sha256),
        "scrypt" => scrypt_django(rest),
        _ => Err(UnknownKind),
    }
}

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`, a PHC string.
fn argon2(text: &str) -> Result<StoredHash, InvalidHash> {
    let parsed = PasswordHash::new(text).map_err(|_| Malformed)?;
    let params = Params::try_from(&parsed).map_err(|_| Malformed)?;
    let variant =
        argon2::Algorithm::try_from(parsed.algorithm.as_str()).map_err(|_| UnknownKind)?;
    // Before there was a field for it, this was the version (RFC 9106, section 3.1).
    let version = parsed.version.unwrap_or(Version::V0x10.into());
    let (m, t, p) = MAX_OWN_COST;
    if params.m_cost() > m || params.t_cost() > t || params.p_cost() > p {
        return Err(TooExpensive);
    }
    Ok(StoredHash {
        algorithm: Algorithm::Argon2 {
            variant,
            version: Version::try_from(version).map_err(|_| Malformed)?,
            params,
        },
        salt: parsed.salt.ok_or(Malformed)?.as_ref().into(),
        hash: parsed.hash.ok_or(Malformed)?.as_bytes().into(),
    })
}

/// `$2b$12$`, 22 letters of the salt, 31 of the hash. The version 2x stands for a fault that hashes other
/// letters than those of ASCII wrongly.
fn bcrypt(text: &str, of_sha256: bool) -> Result<StoredHash, InvalidHash> {
    let [before, version, cost, encoded] = parts(text)?;
    let is_known = before.is_empty() && matches!(version, "2a" | "2b" | "2y");
    let (salt, hash) = encoded.split_at_checked(22).ok_or(Malformed)?;
    let decode = |text: &str, length| {
        let bytes = BCRYPT.decode(text).ok();
        bytes.filter(|bytes| bytes.len() == length).ok_or(Malformed)
    };
    let cost = match number(cost)? {
        _ if !is_known || cost.len() != 2 => return Err(Malformed),
        cost @ 4..=31 => cost,
        _ => return Err(Malformed),
    };
    Ok(StoredHash {
        algorithm: Algorithm::Bcrypt { cost, of_sha256 },
        salt: decode(salt, 16)?.into(),
        hash: decode(hash, BCRYPT_LENGTH)?.into(),
    })
}

/// `1000000$salt$hash`: Django's, whose salts are text.
fn pbkdf2_django(text: &str, digest: Pbkdf2Digest) -> Result<StoredHash, InvalidHash> {
    let [rounds, salt, hash] = parts(text)?;
    pbkdf2(digest, number(rounds)?, salt.as_bytes(), decode(hash)?)
}

/// `pbkdf2-sha256$i=600000,l=32$salt$hash`, as in a PHC string, or with the bare number, as passlib writes it.
fn pbkdf2_phc(text: &str, digest: Pbkdf2Digest) -> Result<StoredHash, InvalidHash> {
    let [_, parameters, salt, hash] = parts(text)?;
    let rounds = parameter(parameters, "i").unwrap_or(parameters);
    pbkdf2(digest, number(rounds)?, &decode(salt)?, decode(hash)?)
}

fn pbkdf2(
    digest: Pbkdf2Digest,
    rounds: u32,
    salt: &[u8],
    hash: Box<[u8]>,
) -> Result<StoredHash, InvalidHash> {
    if rounds == 0 || hash.len() > digest.length() {
        return Err(Malformed);
    }
    Ok(StoredHash {
        algorithm: Algorithm::Pbkdf2 { digest, rounds },
        salt: salt.into(),
        hash,
    })
}

/// `16384$salt$8$5$hash`: Django's, with N, and a text as salt.
fn scrypt_django(text: &str) -> Result<StoredHash, InvalidHash> {
    let [n, salt, r, p, hash] = parts(text)?;
    let n = number(n)?;
    if !n.is_power_of_two() {
        return Err(Malformed);
    }
    Ok(StoredHash {
        algorithm: Algorithm::Scrypt(scrypt_params(n.ilog2(), number(r)?, number(p)?)?),
        salt: salt.as_bytes().into(),
        hash: decode(hash)?,
    })
}

/// `scrypt$ln=17,r=8,p=1$salt$hash`, as in a PHC string.
fn scrypt_phc(text: &str) -> Result<StoredHash, InvalidHash> {
    let [_, parameters, salt, hash] = parts(text)?;
    Ok(StoredHash {
        algorithm: Algorithm::Scrypt(scrypt_params_of(parameters, "ln")?),
        salt: decode(salt)?,
        hash: decode(hash)?,
    })
}

/// `fbscrypt$v=1,n=14,r=8,p=1,ss=separator,sk=key$salt$hash`, as Supabase writes Firebase's hashes.
fn firebase(text: &str) -> Result<StoredHash, InvalidHash> {
    let [_, parameters, salt, hash] = parts(text)?;
    let signer_key = decode(parameter(parameters, "sk").ok_or(Malformed)?)?;
    let hash = decode(hash)?;
    if parameter(parameters, "v") != Some("1") || hash.len() != signer_key.len() {
        return Err(Malformed);
    }
    Ok(StoredHash {
        algorithm: Algorithm::Firebase {
            params: scrypt_params_of(parameters, "n")?,
            salt_separator: decode(parameter(parameters, "ss").unwrap_or_default())?,
            signer_key,
        },
        salt: decode(salt)?,
        hash,
    })
}

/// The parameters of scrypt, where N has this name.
fn scrypt_params_of(parameters: &str, n: &str) -> Result<scrypt::Params, InvalidHash> {
    let value = |name| number(parameter(parameters, name).ok_or(Malformed)?);
    scrypt_params(value(n)?, value("r")?, value("p")?)
}

fn scrypt_params(log_n: u32, r: u32, p: u32) -> Result<scrypt::Params, InvalidHash> {
    match (log_n, r, p) {
        (0, ..) | (_, 0, _) | (.., 0) => Err(Malformed),
        // What is in these bounds can't overflow.
        (log_n @ 1..=24, 1..=256, 1..=256) => {
            let log_n = u8::try_from(log_n).map_err(|_| Malformed)?;
            scrypt::Params::new(log_n, r, p).map_err(|_| Malformed)
        }
        _ => Err(TooExpensive),
    }
}

/// Splits a text at its dollar signs.
fn parts<const N: usize>(text: &str) -> Result<[&str; N], InvalidHash> {
    let parts: Vec<_> = text.splitn(N + 1, '$').collect();
    parts.try_into().map_err(|_| Malformed)
}

/// Returns a value of `name=value,name=value`.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut values = parameters
        .split(',')
        .filter_map(|part| part.split_once('='));
    values.find_map(|(found, value)| (found == name).then_some(value))
}

fn number(text: &str) -> Result<u32, InvalidHash> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if is_plain => Ok(number),
        _ if is_plain && !text.is_empty() => Err(TooExpensive),
        _ => Err(Malformed),
    }
}

/// Decodes Base64, also with the other letters that passlib (`.`) and URLs (`-` and `_`) have in it.
fn decode(text: &str) -> Result<Box<[u8]>, InvalidHash> {
    let standard = text.replace(['.', '-'], "+").replace('_', "/");
    let decoded = BASE64.decode(standard).map_err(|_| Malformed)?;
    Ok(decoded.into())
}

#[cfg(test)]
mod tests;
