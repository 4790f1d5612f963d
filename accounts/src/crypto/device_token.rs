//! Device tokens: they distinguish failed sign-ins on known devices from all others. These are OWASP's
//! device cookies
//! (<https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies>).
//!
//! A token is a random nonce, the time of its issue, and a code over both and the account's device
//! key, which only the master secret can make. It proves that the device has signed in to that
//! account with its present password before, and grants nothing but a separate count of failures; and,
//! where the user has completed the second factor on the device and trusts it, sign-ins without a code
//! for a time (`store/trusted_devices.rs`). A new password comes with a new device key, which ends all
//! earlier tokens.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    crypto::master_secrets::MasterSecrets,
    id::Id,
    random::Random,
};

/// How long a device stays known after a sign-in.
pub const DEVICE_TOKEN_LIFETIME: Duration = Duration::from_secs(180 * 24 * 60 * 60);

/// Identifies a device in the table `sign_in_failures`.
pub(crate) type Nonce = [u8; NONCE_LENGTH];

const NONCE_LENGTH: usize = 16;
const TIME_LENGTH: usize = 8;
const CODE_LENGTH: usize = 16;
const LENGTH: usize = NONCE_LENGTH + TIME_LENGTH + CODE_LENGTH;

/// How many tokens a device keeps. This many users can share it.
const LIMIT: usize = 4;

/// The separator between the tokens of a device.
const SEPARATOR: char = '.';

/// What the tokens of an account are bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenOwner {
    pub user_id: Id,
    /// Changes with the password. An account that has its first password has none.
    pub device_key: Option<Id>,
}

/// A token as it was sent.
struct Token {
    nonce: Nonce,
    /// Seconds since 1970.
    issued_at: i64,
    code: [u8; CODE_LENGTH],
}

/// Returns the nonce of this account's newest token, among those that a device has sent. It may have an older one in a
/// cookie that an earlier version has set for another path.
pub(crate) fn find(
    masters: &MasterSecrets,
    owner: TokenOwner,
    kept: &str,
    now: Timestamp,
) -> Option<Nonce> {
    tokens(kept)
        .map(|(_, token)| token)
        .filter(|token| token.is_valid(masters, owner, now))
        .max_by_key(|token| token.issued_at)
        .map(|token| token.nonce)
}

/// Identifies a device of a user that is trusted. A fast hash is enough for 128 random bits.
pub(crate) fn trust_hash(user_id: Id, nonce: &Nonce) -> Vec<u8> {
    let hash = Sha256::new()
        .chain_update(b"trusted device 1")
        .chain_update(user_id.as_bytes())
        .chain_update(nonce);
    hash.finalize().to_vec()
}

/// Whether a device has sent anything that could be a token.
pub(crate) fn has_any(kept: &str) -> bool {
    tokens(kept).next().is_some()
}

/// Returns the tokens that a device should keep after a sign-in: a token for this account with the date of now, whose
/// nonce is that of the old one, and those that it has for other accounts.
pub(crate) fn renew(
    masters: &MasterSecrets,
    owner: TokenOwner,
    kept: Option<&str>,
    now: Timestamp,
    random: &dyn Random,
) -> String {
    let present = kept.and_then(|kept| find(masters, owner, kept, now));
    let nonce = present.unwrap_or_else(|| random.bytes());
    let issued_at = now.unix_seconds();
    let code = codes(masters, owner, &nonce, issued_at)
        .next()
        .unwrap_or_default();
    let token = [&nonce[..], &issued_at.to_be_bytes(), &code].concat();
    let mut renewed = BASE64_URL_SAFE_NO_PAD.encode(token);
    let others = tokens(kept.unwrap_or_default())
        .filter(|(_, token)| token.age_is_valid(now) && !token.is_valid(masters, owner, now));
    for (text, _) in others.take(LIMIT - 1) {
        renewed.push(SEPARATOR);
        renewed.push_str(text);
    }
    renewed
}

/// The well-formed tokens among those that a device has sent. Those of earlier versions, which had
/// no date, are not.
fn tokens(kept: &str) -> impl Iterator<Item = (&str, Token)> {
    kept.split(SEPARATOR)
        .filter_map(|text| Some((text, Token::decode(text)?)))
        .take(2 * LIMIT)
}

impl Token {
    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; LENGTH] = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (issued_at, code) = rest.split_first_chunk()?;
        Some(Self {
            nonce: *nonce,
            issued_at: i64::from_be_bytes(*issued_at),
            code: code.try_into().ok()?,
        })
    }

    /// Whether it was issued by one of the master secrets for this account, since its present
    /// password was set, and has not expired.
    fn is_valid(&self, masters: &MasterSecrets, owner: TokenOwner, now: Timestamp) -> bool {
        let mut codes = codes(masters, owner, &self.nonce, self.issued_at);
        self.age_is_valid(now) && codes.any(|good| good.ct_eq(&self.code).into())
    }

    fn age_is_valid(&self, now: Timestamp) -> bool {
        let seconds = |time: Timestamp| time.unix_seconds();
        let valid = seconds(now.minus(DEVICE_TOKEN_LIFETIME))..=seconds(now.plus(CLOCK_SKEW));
        valid.contains(&self.issued_at)
    }
}

fn codes(
    masters: &MasterSecrets,
    owner: TokenOwner,
    nonce: &Nonce,
    issued_at: i64,
) -> impl Iterator<Item = [u8; CODE_LENGTH]> {
    let mut bound = Vec::with_capacity(64);
    bound.extend(nonce);
    bound.extend(issued_at.to_be_bytes());
    bound.extend(owner.user_id.as_bytes());
    bound.extend(owner.device_key.iter().flat_map(|key| *key.as_bytes()));
    let codes: Vec<_> = masters.codes(&[b"device token 2 ", &bound]).collect();
    codes.into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;
    use crate::random::OsRandom;

    fn masters(list: &str) -> MasterSecrets {
        MasterSecrets::parse(list).unwrap()
    }

    fn now() -> Timestamp {
        Timestamp::new(datetime!(2026-03-01 12:00:00.7 UTC))
    }

    fn owner(byte: u8) -> TokenOwner {
        TokenOwner {
            user_id: Id::from_random([byte; 16]),
            device_key: None,
        }
    }

    const OLD: &str = "an old master secret of 32 bytes or more";
    const NEW: &str = "a new master secret with 32 bytes or more";

    #[test]
    fn a_token_is_valid_for_its_account_with_each_master_secret() {
        let token = renew(&masters(OLD), owner(1), None, now(), &OsRandom);
        let both = masters(&format!("{NEW},{OLD}"));
        let find = |list: &MasterSecrets, owner, token: &str| find(list, owner, token, now());
        assert_eq!(token.len(), 54);
        assert!(find(&masters(OLD), owner(1), &token).is_some());
        assert_eq!(
            find(&both, owner(1), &token),
            find(&masters(OLD), owner(1), &token)
        );
        assert_eq!(find(&masters(NEW), owner(1), &token), None);
        assert_eq!(find(&both, owner(2), &token), None);
        let new_password = TokenOwner {
            device_key: Some(Id::from_random([3; 16])),
            ..owner(1)
        };
        assert_eq!(find(&both, new_password, &token), None);
        for forged in [
            "",
            ".",
            "....",
            &token[1..],
            &token.to_lowercase(),
            "no base64!",
            // As earlier versions issued them.
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        ] {
            assert_eq!(find(&both, owner(1), forged), None, "{forged}");
        }
        assert!(!has_any(
            "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8.garbage."
        ));
    }

    #[test]
    fn a_token_expires() {
        let masters = masters(OLD);
        let token = renew(&masters, owner(1), None, now(), &OsRandom);
        let second = Duration::from_secs(1);
        let is_valid = |at| find(&masters, owner(1), &token, at).is_some();
        assert!(is_valid(now().plus(DEVICE_TOKEN_LIFETIME)));
        assert!(!is_valid(now().plus(DEVICE_TOKEN_LIFETIME + second)));
        // Clocks of servers differ, but not by much.
        assert!(is_valid(now().minus(CLOCK_SKEW)));
        assert!(!is_valid(now().minus(CLOCK_SKEW + second)));
        // An expired token is no longer kept.
        let later = now().plus(DEVICE_TOKEN_LIFETIME + second);
        let kept = renew(&masters, owner(2), Some(&token), later, &OsRandom);
        assert_eq!(kept.len(), 54);
    }

    #[test]
    fn a_device_keeps_one_token_for_each_of_four_users() {
        let masters = masters(OLD);
        let renew = |owner, kept: Option<&str>| renew(&masters, owner, kept, now(), &OsRandom);
        let find = |owner, kept: &str| find(&masters, owner, kept, now());
        let ada = owner(0);
        let mut kept = renew(ada, Some("garbage.x"));
        let first = find(ada, &kept);
        kept = renew(ada, Some(&kept));
        assert_eq!(kept.len(), 54);
        assert_eq!(find(ada, &kept), first);
        for number in 1..4 {
            kept = renew(owner(number), Some(&kept));
        }
        for owner in [ada, owner(1), owner(2), owner(3)] {
            assert!(find(owner, &kept).is_some(), "{owner:?}");
        }
        kept = renew(owner(4), Some(&kept));
        assert_eq!(kept.split('.').count(), 4);
        assert!(find(ada, &kept).is_none());
        assert!(find(owner(1), &kept).is_some());
        // Whatever else a client has under the name of the cookie, its own tokens are found.
        let crowded = format!("{}.{kept}", ["garbage"; 100].join("."));
        assert!(find(owner(1), &crowded).is_some());
    }

    proptest! {
        /// No part of a token can be changed.
        #[test]
        fn a_changed_token_is_none(index in 0..LENGTH, bit in 0..8) {
            let masters = masters(OLD);
            let token = renew(&masters, owner(1), None, now(), &OsRandom);
            let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(token).unwrap();
            bytes[index] ^= 1_u8 << bit;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(find(&masters, owner(1), &changed, now()), None);
        }
    }
}
