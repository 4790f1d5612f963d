//! What services are told: which tokens are revoked, and up to when that is known.

use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;

use crate::{
    crypto::master_secrets::MasterSecrets,
    id::Id,
    store::revocations::{Revocation, Revoked},
};

/// Which tokens are revoked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum RevocationEntry {
    /// Those of a session.
    Session {
        /// The user.
        sub: Id,
        /// The session.
        sid: Id,
    },
    /// Those of a user that carry this generation.
    Generation {
        /// The user.
        sub: Id,
        /// The code of the secret that the user had, as tokens carry it.
        r#gen: Box<str>,
    },
    /// Those of a user that were issued before a time.
    Before {
        /// The user.
        sub: Id,
        /// In seconds since 1970.
        before: i64,
    },
}

/// News for all readers of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum RevocationNews {
    /// Tokens were revoked.
    Revoked(Vec<RevocationEntry>),
    /// Everything that was committed before this time has been told. In milliseconds since 1970 when this
    /// server started, and counting on by its uptime from there: nobody can set it.
    Heartbeat(u64),
}

/// Everything that is revoked and could still matter.
#[derive(Debug)]
pub struct RevocationSnapshot {
    /// The entries, oldest first.
    pub entries: Vec<RevocationEntry>,
}

/// A value with its encoded form, which the first reader makes for all others.
#[derive(Debug)]
pub struct Encoded<T, E = Bytes> {
    value: T,
    encoded: OnceLock<E>,
}

impl<T, E: Clone> Encoded<T, E> {
    pub(super) fn new(value: T) -> Self {
        Self {
            value,
            encoded: OnceLock::new(),
        }
    }

    /// The value itself.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Returns the encoded form. All readers must encode in the same way.
    pub fn get(&self, encode: impl FnOnce(&T) -> E) -> E {
        self.encoded.get_or_init(|| encode(&self.value)).clone()
    }
}

/// Returns what a row of the log revokes: one entry, or one for each master secret.
pub(super) fn entries_of(
    revocation: &Revocation,
    masters: &MasterSecrets,
) -> impl Iterator<Item = RevocationEntry> {
    let sub = revocation.user_id;
    let (one, generations) = match &revocation.revoked {
        Revoked::Session(sid) => (Some(RevocationEntry::Session { sub, sid: *sid }), vec![]),
        Revoked::IssuedBefore(before) => {
            let before = *before;
            (Some(RevocationEntry::Before { sub, before }), vec![])
        }
        Revoked::Secret(secret) => (None, masters.generations(sub, secret)),
    };
    let generations = generations.into_iter().map(move |code| {
        let r#gen = code.into_boxed_str();
        RevocationEntry::Generation { sub, r#gen }
    });
    one.into_iter().chain(generations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_written_as_the_protocol_says() {
        let id = |byte| Id::from_random([byte; 16]);
        let masters =
            "the first master secret, 32 bytes or more,the second master secret, 32 bytes or more";
        let masters = MasterSecrets::parse(&masters.replace(", 32", " of 32")).unwrap();
        let json = |revoked| {
            let revocation = Revocation {
                seq: 1,
                user_id: id(1),
                revoked,
            };
            let entries: Vec<_> = entries_of(&revocation, &masters).collect();
            serde_json::to_string(&entries).unwrap()
        };
        let sub = id(1);
        assert_eq!(
            json(Revoked::Session(id(2))),
            format!(r#"[{{"sub":"{sub}","sid":"{}"}}]"#, id(2))
        );
        assert_eq!(
            json(Revoked::IssuedBefore(1_795_600_000)),
            format!(r#"[{{"sub":"{sub}","before":1795600000}}]"#)
        );
        let secret = crate::crypto::jwt_secret::JwtSecret::from_text("a");
        let [first, second] = &masters.generations(sub, &secret)[..] else {
            panic!("one for each master secret");
        };
        assert_eq!(
            json(Revoked::Secret(secret)),
            format!(r#"[{{"sub":"{sub}","gen":"{first}"}},{{"sub":"{sub}","gen":"{second}"}}]"#)
        );
    }
}
