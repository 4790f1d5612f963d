//! A user as it is cached: everything that a token is checked against.

use smallvec::SmallVec;

use crate::{
    clock::{CLOCK_SKEW, Timestamp},
    crypto::{master_secrets::MasterSecrets, token_keys::TokenKeys},
    error::Error,
    id::Id,
    store::{database::Database, sessions, users::User},
};

/// How many sessions of a user are cached: all that there can be, unless many were added by hand.
const SESSION_LIMIT: usize = (sessions::SESSION_LIMIT + sessions::PENDING_LIMIT) as usize;

/// A user with its live sessions and token keys. There are many, so it is kept small.
#[derive(Debug)]
pub(crate) struct CachedUser {
    pub user: User,
    /// The keys that the user's tokens may be signed with, the most likely one first.
    pub keys: TokenKeys,
    /// The sessions that were used last.
    sessions: SmallVec<[Id; 1]>,
    /// Whether these are all live sessions.
    is_complete: bool,
    loaded_at: Timestamp,
    pub(super) version: Version,
}

/// Identifies the changes that a cached user was loaded after. A version could only come back after
/// one of its counters has wrapped around, which takes more changes than happen while an entry
/// lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    pub epoch: u32,
    pub generation: u32,
}

impl CachedUser {
    /// Loads a user by id, in one query.
    pub async fn load(
        database: &Database,
        masters: &MasterSecrets,
        user_id: Id,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let limit = SESSION_LIMIT + 1;
        let found = User::find_with_sessions(database, user_id, now, limit).await?;
        Ok(found.map(|(user, sessions)| Self {
            keys: masters.verifying_keys(user_id, &user.jwt_secret),
            user,
            is_complete: sessions.len() <= SESSION_LIMIT,
            sessions,
            loaded_at: now,
            version: Version::default(),
        }))
    }

    /// Returns whether a session is alive, or `None` if only the database can tell: the session may
    /// have started after this was loaded, or the user has very many.
    pub fn has_session(
        &self,
        session_id: Id,
        token_issued_at: i64,
        now: Timestamp,
    ) -> Option<bool> {
        if self.sessions.contains(&session_id) {
            return Some(true);
        }
        let is_older =
            !self.may_be_older_than(token_issued_at) && self.loaded_at <= now.plus(CLOCK_SKEW);
        (self.is_complete && is_older).then_some(false)
    }

    /// Whether this may have been loaded before a token was issued.
    pub fn may_be_older_than(&self, token_issued_at: i64) -> bool {
        token_issued_at >= self.loaded_at.minus(CLOCK_SKEW).unix_seconds()
    }
}

#[cfg(test)]
impl CachedUser {
    /// A user that is in no database.
    pub fn for_test(id: Id, email: &str) -> Self {
        use crate::{
            clock::{Clock, SystemClock},
            crypto::jwt_secret::JwtSecret,
            profile::{CachedMetadata, Roles},
            random::OsRandom,
        };
        let now = SystemClock.now();
        Self {
            user: User {
                id,
                email: email.into(),
                is_active: true,
                is_admin: false,
                date_joined: now,
                last_login: None,
                email_verified: false,
                otp_enabled: false,
                jwt_secret: JwtSecret::new(&OsRandom),
                name: "".into(),
                roles: Roles::default(),
                metadata: CachedMetadata::default(),
                roles_since: 0,
            },
            keys: TokenKeys::new(),
            sessions: SmallVec::new(),
            is_complete: true,
            loaded_at: now,
            version: Version::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_was_set_back_ends_no_session() {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let user = CachedUser::for_test(Id::from_random([1; 16]), "ada@example.com");
        let loaded_at = user.loaded_at;
        let unknown = Id::from_random([2; 16]);
        let before = loaded_at.minus(2 * CLOCK_SKEW).unix_seconds();
        let has_session = |issued_at, now| user.has_session(unknown, issued_at, now);
        assert_eq!(has_session(before, loaded_at.plus(HOUR)), Some(false));
        assert_eq!(has_session(loaded_at.unix_seconds(), loaded_at), None);
        let set_back = loaded_at.minus(HOUR);
        assert_eq!(has_session(set_back.unix_seconds(), set_back), None);
    }
}
