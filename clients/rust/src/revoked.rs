//! Which tokens are revoked.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::claims::Claims;

/// How many entries are kept. A stream with more is not followed.
const LIMIT: usize = 1_000_000;

/// An entry of the stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Entry {
    sub: Box<str>,
    #[serde(default)]
    sid: Option<Box<str>>,
    #[serde(default, rename = "gen")]
    generation: Option<Box<str>>,
    #[serde(default)]
    before: Option<i64>,
}

/// The entries so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Revoked {
    /// By user. Most users have none, and the others few.
    users: HashMap<Box<str>, OfUser>,
    entries: usize,
}

#[derive(Clone, Debug, Default)]
struct OfUser {
    sessions: HashSet<Box<str>>,
    generations: HashSet<Box<str>>,
    before: Option<i64>,
}

/// There are more entries than can be kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Revoked {
    /// Adds an entry. One of an unknown kind revokes all tokens of the user that exist now: what a later
    /// version of the server means by it can't be known, so it is read in the strictest way.
    pub fn add(&mut self, entry: Entry) -> Result<(), TooMany> {
        if self.entries >= LIMIT {
            return Err(TooMany);
        }
        let of_user = self.users.entry(entry.sub).or_default();
        let is_new = match (entry.sid, entry.generation, entry.before) {
            (Some(sid), _, _) => of_user.sessions.insert(sid),
            (None, Some(generation), _) => of_user.generations.insert(generation),
            (None, None, before) => {
                let before = before.unwrap_or(i64::MAX);
                let is_first = of_user.before.is_none();
                of_user.before = of_user.before.max(Some(before));
                is_first
            }
        };
        self.entries += usize::from(is_new);
        Ok(())
    }

    /// Whether a token with these claims is revoked.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let Some(of_user) = self.users.get(&*claims.sub) else {
            return false;
        };
        let generation = claims.generation.as_deref();
        of_user.sessions.contains(&*claims.sid)
            || generation.is_some_and(|code| of_user.generations.contains(code))
            || of_user.before.is_some_and(|before| claims.iat < before)
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries
    }
}
