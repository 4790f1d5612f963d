//! The challenges that authenticators sign. Each is a random value, the time until which it is valid, and a code
//! over both and over what it was issued for. So the server recognizes its own challenges without storing them:
//! nobody can fill a table by asking for them. A challenge that was used is stored until it has expired anyway.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::master_secrets::MasterSecrets;
use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    id::Id,
    random::Random,
};

/// How long a challenge is valid: the time that a user has to touch the authenticator.
pub(crate) const LIFETIME: Duration = Duration::from_secs(5 * 60);

const NONCE_LENGTH: usize = 16;
const TIME_LENGTH: usize = 8;
const CODE_LENGTH: usize = 32;

/// What a challenge is issued for. It is valid for nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ceremony {
    /// Signing in, or completing a sign-in, with any passkey.
    SignIn,
    /// Adding a passkey to the account of this user, in this session.
    Registration { user_id: Id, session_id: Id },
}

/// A challenge that this server has issued, and that has not expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    bytes: Vec<u8>,
    /// When it may be forgotten that the challenge was used.
    pub forgotten_at: Timestamp,
}

impl Challenge {
    /// Issues a challenge.
    pub fn new(
        masters: &MasterSecrets,
        ceremony: Ceremony,
        now: Timestamp,
        random: &dyn Random,
    ) -> Self {
        let nonce: [u8; NONCE_LENGTH] = random.bytes();
        let expires_at = now.plus(LIFETIME).unix_milliseconds().to_be_bytes();
        let head = [nonce.as_slice(), &expires_at].concat();
        let code = codes(masters, ceremony, &head).next().unwrap_or_default();
        Self {
            bytes: [head.as_slice(), &code].concat(),
            forgotten_at: forgotten_at(now),
        }
    }

    /// Reads a challenge that an authenticator has signed. Returns `None` if it was not issued for this
    /// ceremony, or has expired.
    pub fn read(
        masters: &MasterSecrets,
        ceremony: Ceremony,
        bytes: &[u8],
        now: Timestamp,
    ) -> Option<Self> {
        let (head, code) = bytes.split_at_checked(NONCE_LENGTH + TIME_LENGTH)?;
        let is_own = codes(masters, ceremony, head).any(|own| bool::from(own.ct_eq(code)));
        let (_, time) = head.split_last_chunk::<TIME_LENGTH>()?;
        let left = i64::from_be_bytes(*time).saturating_sub(now.unix_milliseconds());
        // More than a lifetime is left of one that was issued while the clock was ahead.
        let longest = i64::try_from((LIFETIME + CLOCK_SKEW).as_millis()).unwrap_or_default();
        (is_own && (1..=longest).contains(&left)).then(|| Self {
            bytes: bytes.to_vec(),
            forgotten_at: forgotten_at(now),
        })
    }

    /// What the authenticator signs.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Later than the challenge expires by the clock of any server.
fn forgotten_at(now: Timestamp) -> Timestamp {
    now.plus(2 * LIFETIME)
}

/// The code of a challenge under each master secret, the current one first.
fn codes(
    masters: &MasterSecrets,
    ceremony: Ceremony,
    head: &[u8],
) -> impl Iterator<Item = [u8; CODE_LENGTH]> {
    let nobody = [0; 16];
    let (label, user_id, session_id): (&[u8], _, _) = match &ceremony {
        Ceremony::SignIn => (b"passkey sign-in 1 ", &nobody, &nobody),
        Ceremony::Registration {
            user_id,
            session_id,
        } => (
            b"passkey registration 1 ",
            user_id.as_bytes(),
            session_id.as_bytes(),
        ),
    };
    let codes: Vec<_> = masters.codes(&[label, user_id, session_id, head]).collect();
    codes.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    const SECONDS: fn(u64) -> Duration = Duration::from_secs;

    fn masters(text: &str) -> MasterSecrets {
        MasterSecrets::parse(text).expect("a long secret")
    }

    #[test]
    fn a_challenge_is_valid_for_its_ceremony_until_it_expires() {
        let old = masters("an old master secret of 32 bytes or more");
        let both = masters(
            "a new master secret with 32 bytes or more,an old master secret of 32 bytes or more",
        );
        let other = masters("a new master secret with 32 bytes or more");
        let now = Timestamp::from_unix_seconds(1_795_600_000);
        let [ada, grace, session] = [1, 2, 3].map(|byte| Id::from_random([byte; 16]));
        let registration = |user_id, session_id| Ceremony::Registration {
            user_id,
            session_id,
        };
        let ceremony = registration(ada, session);
        let issued = Challenge::new(&old, ceremony, now, &OsRandom);
        let read = |masters, ceremony, now| {
            Challenge::read(masters, ceremony, issued.as_bytes(), now).is_some()
        };
        assert!(read(&old, ceremony, now));
        assert!(read(&both, ceremony, now));
        assert!(!read(&other, ceremony, now));
        assert!(read(&old, ceremony, now.plus(SECONDS(299))));
        assert!(!read(&old, ceremony, now.plus(SECONDS(300))));
        // Servers' clocks differ a little; one that was ahead by more was wrong.
        assert!(read(&old, ceremony, now.minus(SECONDS(60))));
        assert!(!read(&old, ceremony, now.minus(SECONDS(61))));
        for elsewhere in [
            Ceremony::SignIn,
            registration(grace, session),
            registration(ada, grace),
            registration(session, ada),
        ] {
            assert!(!read(&old, elsewhere, now), "{elsewhere:?}");
        }
    }

    #[test]
    fn no_other_bytes_are_a_challenge() {
        let masters = masters("an old master secret of 32 bytes or more");
        let now = Timestamp::from_unix_seconds(1_795_600_000);
        let issued = Challenge::new(&masters, Ceremony::SignIn, now, &OsRandom);
        let read = |bytes: &[u8]| Challenge::read(&masters, Ceremony::SignIn, bytes, now);
        assert_eq!(read(issued.as_bytes()), Some(issued.clone()));
        for length in 0..issued.as_bytes().len() {
            assert_eq!(read(&issued.as_bytes()[..length]), None, "{length}");
        }
        for index in 0..issued.as_bytes().len() {
            let mut changed = issued.as_bytes().to_vec();
            changed[index] ^= 1;
            assert_eq!(read(&changed), None, "byte {index}");
        }
        assert_eq!(read(&[issued.as_bytes(), &[0]].concat()), None);
        let another = Challenge::new(&masters, Ceremony::SignIn, now, &OsRandom);
        assert_ne!(another, issued);
    }
}
