//! The table `sign_in_failures`: the number of consecutive sign-ins without a correct password, for
//! each email address that is tried, whether or not it has an account. Unknown clients are counted
//! together. A device that has signed in to the account before is counted separately, so that
//! attackers can't lock out its owner. So is a session that has to confirm the password: anyone who
//! stole its token does not have the password yet.

use std::time::Duration;

use crate::{
    backoff::backoff,
    clock::{CLOCK_SKEW, Timestamp},
    crypto::{device_token::Nonce, master_secrets::MasterSecrets},
    device::ClientNetwork,
    error::Error,
    id::Id,
    store::{database::Database, statement::Statement},
};

/// How many failures in a row have no consequence.
const FREE_ATTEMPTS: i32 = 10;

/// How long sign-ins are rejected after that. Each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// How many passwords may be checked concurrently before the first delay. Correct ones are not
/// failures, but that is known only after the check, and an owner's many devices that sign in at the
/// same moment must not wait for each other. So this many guesses have no consequence for a client
/// that sends them all at once.
const CONCURRENT_ATTEMPTS: i32 = 32;

/// Once there are delays, one password is checked at a time: the next one has to wait for this
/// long, unless the check ends earlier.
const CHECK_TIME: Duration = Duration::from_secs(10);

/// After this long without another failure, all are forgotten.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// The clients whose failures for an account are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptSource {
    /// All clients that have not signed in to the account before.
    Unknown,
    /// Clients in a network where a current session of the account was last used. This is for
    /// programs, which keep no device token.
    KnownNetwork(ClientNetwork),
    /// The device with this token.
    KnownDevice(Nonce),
    /// The client that is signed in with this session, and has to confirm the password.
    Session(Id),
}

impl AttemptSource {
    /// The key under which failures for an email address, in lower case, are counted. It is derived
    /// from the master secret, so that the table does not reveal which addresses are tried.
    pub fn key(self, masters: &MasterSecrets, address: &str) -> Vec<u8> {
        let (kind, name): (&[u8], Vec<u8>) = match self {
            Self::Unknown => (b"stranger ", Vec::new()),
            Self::KnownNetwork(network) => (b"neighbour ", network.to_string().into_bytes()),
            Self::KnownDevice(nonce) => (b"device ", nonce.to_vec()),
            Self::Session(id) => (b"session ", id.to_string().into_bytes()),
        };
        let info = [
            b"sign-in failures 1 ",
            kind,
            &name,
            b" ",
            address.as_bytes(),
        ];
        masters
            .codes::<32>(&info)
            .next()
            .unwrap_or_default()
            .to_vec()
    }
}

/// A sign-in that has been counted before its password is checked.
#[derive(Debug)]
pub(crate) struct LoginAttempt {
    key: Vec<u8>,
    /// The number of attempts in a row, including this one.
    number: i32,
}

/// Whether a password may be checked.
pub(crate) enum AttemptDecision {
    /// It may, and counts as a failure until it proves correct.
    Allowed(LoginAttempt),
    /// It may not, for this long.
    Blocked(Duration),
}

impl LoginAttempt {
    /// Counts an attempt, by the statement that also checks for a block, so that concurrent attempts
    /// are all counted.
    pub async fn count(
        database: &Database,
        key: Vec<u8>,
        now: Timestamp,
    ) -> Result<AttemptDecision, Error> {
        const COUNT: &str = "
            INSERT INTO sign_in_failures (key, guesses, updated_at) VALUES ($1, 1, $2)
            ON CONFLICT (key) DO UPDATE SET
                guesses = CASE
                    WHEN sign_in_failures.updated_at <= $3 THEN 1
                    ELSE sign_in_failures.guesses + 1
                END,
                blocked_until = CASE
                    WHEN sign_in_failures.updated_at <= $3 THEN NULL
                    WHEN sign_in_failures.blocked_until IS NOT NULL
                        OR sign_in_failures.guesses >= $4 THEN $5
                END,
                updated_at = $2
            WHERE sign_in_failures.blocked_until IS NULL
                OR sign_in_failures.blocked_until <= $2
                OR sign_in_failures.blocked_until > $6
            RETURNING guesses";
        const BLOCKED: &str = "SELECT blocked_until FROM sign_in_failures WHERE key = $1";
        let statement = Statement::new(COUNT)
            .bind(&key)
            .bind(now)
            .bind(now.minus(MEMORY))
            .bind(CONCURRENT_ATTEMPTS)
            .bind(now.plus(CHECK_TIME))
            // No delay is this long: the clock has been set back.
            .bind(now.plus(LONGEST_DELAY + CLOCK_SKEW));
        if let Some((number,)) = database.write_optional(statement).await? {
            return Ok(AttemptDecision::Allowed(Self { key, number }));
        }
        let statement = Statement::new(BLOCKED).bind(&key);
        let row: Option<(Option<Timestamp>,)> = database.fetch_optional(statement).await?;
        // A correct password may have ended the delay in the meantime.
        let until = row.and_then(|(until,)| until).unwrap_or(now);
        Ok(AttemptDecision::Blocked(until.since(now)))
    }

    /// The password was wrong. After several failures, the next attempt has to wait.
    pub async fn was_wrong(&self, database: &Database, now: Timestamp) -> Result<(), Error> {
        const SQL: &str = "UPDATE sign_in_failures SET blocked_until = $2 WHERE key = $1";
        let Some(delay) = delay(self.number) else {
            return Ok(());
        };
        let statement = Statement::new(SQL).bind(&self.key).bind(now.plus(delay));
        database.execute(statement).await.map(drop)
    }

    /// The password was correct. The next failure is the first one.
    pub async fn was_right(&self, database: &Database) -> Result<(), Error> {
        database.execute(self.forget()).await.map(drop)
    }

    /// The password was not checked, so the attempt does not count.
    pub async fn take_back(&self, database: &Database) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE sign_in_failures SET guesses = guesses - 1 WHERE key = $1 AND guesses > 0";
        let statement = Statement::new(SQL).bind(&self.key);
        database.execute(statement).await.map(drop)
    }

    /// The statement that forgets all failures of this source.
    pub(super) fn forget(&self) -> Statement<'_> {
        Statement::new("DELETE FROM sign_in_failures WHERE key = $1").bind(&self.key)
    }
}

/// How long sign-ins are rejected after this many failures in a row.
fn delay(failures: i32) -> Option<Duration> {
    let doublings = u32::try_from(failures - FREE_ATTEMPTS).ok()?;
    Some(backoff(FIRST_DELAY, LONGEST_DELAY, doublings))
}

/// Removes up to `limit` rows that no longer matter. Returns the number of removed rows.
pub(crate) async fn remove_old(
    database: &Database,
    now: Timestamp,
    limit: u32,
) -> Result<u64, Error> {
    // The condition is stated twice: a row may be updated while this waits for its lock.
    const SQL: &str = "
        DELETE FROM sign_in_failures WHERE updated_at <= $1 AND key IN (
            SELECT key FROM sign_in_failures WHERE updated_at <= $1 ORDER BY updated_at LIMIT $2
        )";
    let statement = Statement::new(SQL).bind(now.minus(MEMORY)).bind(limit);
    database.execute(statement).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_begin_with_the_tenth_failure_and_grow_to_a_quarter_of_an_hour() {
        let seconds = |failures| delay(failures).map(|delay| delay.as_secs());
        assert_eq!([1, 9].map(seconds), [None, None]);
        assert_eq!(
            [10, 11, 12, 19, 20, 21, 1000].map(seconds),
            [1, 2, 4, 512, 900, 900, 900].map(Some)
        );
    }

    #[test]
    fn each_source_has_a_key_for_each_address() {
        let masters = MasterSecrets::parse("a master secret that has 32 bytes or more").unwrap();
        let network = |text: &str| {
            AttemptSource::KnownNetwork(text.parse::<std::net::IpAddr>().unwrap().into())
        };
        let sources = [
            AttemptSource::Unknown,
            network("192.0.2.1"),
            network("192.0.2.2"),
            AttemptSource::KnownDevice([1; 16]),
            AttemptSource::KnownDevice([2; 16]),
        ];
        let keys: std::collections::HashSet<_> = sources
            .iter()
            .flat_map(|source| {
                ["ada@example.com", "b@example.com"].map(|a| source.key(&masters, a))
            })
            .collect();
        assert_eq!(keys.len(), 10);
    }
}
