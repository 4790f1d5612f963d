//! Device tokens: they distinguish failed sign-ins on known devices from all others. These are OWASP's
//! device cookies
//! (<https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>).
//!
//! A token is a random nonce, and a code over the nonce and the account's email address, which only
//! the master secret can make. It proves that the device has signed in to that account before, and
//! grants nothing but a separate count of failures.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq;

use crate::{crypto::master_secrets::MasterSecrets, random::Random};

/// Identifies a device in the table `sign_in_failures`.
pub(crate) type Nonce = [u8; NONCE_LENGTH];

const NONCE_LENGTH: usize = 16;
const CODE_LENGTH: usize = 16;
const LENGTH: usize = NONCE_LENGTH + CODE_LENGTH;

/// How many tokens a device keeps. This many users can share it.
const LIMIT: usize = 4;

/// The separator between the tokens of a device.
const SEPARATOR: char = '.';

/// Returns the nonce of the token for this email address, among those that a device has sent.
pub(crate) fn find(masters: &MasterSecrets, address: &str, kept: &str) -> Option<Nonce> {
    tokens(kept).find_map(|token| nonce(masters, address, token))
}

/// Returns the tokens that a device should keep after a sign-in: a new token for this email address
/// in place of the old one, and those that it has for other accounts.
pub(crate) fn renew(
    masters: &MasterSecrets,
    address: &str,
    kept: Option<&str>,
    random: &dyn Random,
) -> String {
    let nonce: Nonce = random.bytes();
    let code = masters
        .codes::<CODE_LENGTH>(&info(address, &nonce))
        .next()
        .unwrap_or_default();
    let mut renewed = BASE64_URL_SAFE_NO_PAD.encode([nonce, code].concat());
    let others = tokens(kept.unwrap_or_default())
        .filter(|token| decode(token).is_some() && self::nonce(masters, address, token).is_none());
    for token in others.take(LIMIT - 1) {
        renewed.push(SEPARATOR);
        renewed.push_str(token);
    }
    renewed
}

fn tokens(kept: &str) -> impl Iterator<Item = &str> {
    kept.split(SEPARATOR).take(LIMIT)
}

/// Returns the nonce of a token, if the token is valid for this email address with any of the master
/// secrets.
fn nonce(masters: &MasterSecrets, address: &str, token: &str) -> Option<Nonce> {
    let (nonce, code) = decode(token)?;
    masters
        .codes::<CODE_LENGTH>(&info(address, &nonce))
        .any(|good| good.ct_eq(&code).into())
        .then_some(nonce)
}

fn decode(token: &str) -> Option<(Nonce, [u8; CODE_LENGTH])> {
    let bytes: [u8; LENGTH] = BASE64_URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
    let (nonce, code) = bytes.split_first_chunk()?;
    Some((*nonce, code.try_into().ok()?))
}

fn info<'a>(address: &'a str, nonce: &'a Nonce) -> [&'a [u8]; 3] {
    [b"device token 1 ", nonce, address.as_bytes()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    const ADA: &str = "ada@example.com";

    fn masters(list: &str) -> MasterSecrets {
        MasterSecrets::parse(list).unwrap()
    }

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    #[test]
    fn a_token_is_valid_for_its_address_with_each_master_secret() {
        let token = renew(&masters(OLD), ADA, None, &OsRandom);
        let both = masters(&format!("{NEW},{OLD}"));
        assert_eq!(token.len(), 43);
        assert!(find(&masters(OLD), ADA, &token).is_some());
        assert_eq!(find(&both, ADA, &token), find(&masters(OLD), ADA, &token));
        assert_eq!(find(&masters(NEW), ADA, &token), None);
        assert_eq!(find(&both, "grace@example.com", &token), None);
        for forged in [
            "",
            ".",
            "....",
            &token[1..],
            &token.to_lowercase(),
            "no base64!",
        ] {
            assert_eq!(find(&both, ADA, forged), None, "{forged}");
        }
    }

    #[test]
    fn a_device_keeps_one_token_for_each_of_four_users() {
        let masters = masters(OLD);
        let mut kept = renew(&masters, ADA, Some("garbage.x"), &OsRandom);
        let first = find(&masters, ADA, &kept);
        kept = renew(&masters, ADA, Some(&kept), &OsRandom);
        assert_eq!(kept.len(), 43);
        assert_ne!(find(&masters, ADA, &kept), first);
        for name in ["b", "c", "d"] {
            kept = renew(&masters, name, Some(&kept), &OsRandom);
        }
        for name in [ADA, "b", "c", "d"] {
            assert!(find(&masters, name, &kept).is_some(), "{name}");
        }
        kept = renew(&masters, "e", Some(&kept), &OsRandom);
        assert_eq!(kept.split('.').count(), 4);
        assert!(find(&masters, ADA, &kept).is_none());
        assert!(find(&masters, "b", &kept).is_some());
    }
}
