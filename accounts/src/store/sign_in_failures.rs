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

/// How many counts an account has for its known devices, and for its known networks. Each device and
/// each network belongs to one of them. So a client that collects many, by signing in often or by using a
/// stolen token from many places, gets no more guesses than this many counts allow.
const GROUPS: u8 = 16;

/// The clients whose failures for an account are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptSource {
    /// All clients that have not signed in to the account before.
    Unknown,
    /// Clients in a network where a current session of the account was last used. This is for
    /// programs, which keep no device token. Networks are counted by group.
    KnownNetwork(ClientNetwork),
    /// The device with this token, and others of its group.
    KnownDevice(Nonce),
    /// The client that is signed in with this session, and has to confirm the password.
    Session(Id),
}

impl AttemptSource {
    /// The key under which failures for an email address, in lower case, are counted. It is derived
    /// from the master secret, so that the table does not reveal which addresses are tried.
    pub fn key(self, masters: &MasterSecrets, address: &str) -> Vec<u8> {
        let group = |name: &[u8]| {
            let [byte] = derive(masters, b"sign-in group 1 ", &[name], address);
            byte % GROUPS
        };
        match self {
            Self::Unknown => key(masters, UNKNOWN, &[], address),
            Self::KnownNetwork(network) => {
                let group = group(network.to_string().as_bytes());
                key(masters, NETWORK, &[group], address)
            }
            Self::KnownDevice(nonce) => key(masters, DEVICE, &[group(&nonce)], address),
            Self::Session(id) => key(masters, b"session ", id.to_string().as_bytes(), address),
        }
    }

    /// The keys of all sources of sign-ins to the account with this email address, in lower case.
    fn all_keys(masters: &MasterSecrets, address: &str) -> Vec<Vec<u8>> {
        let grouped = [NETWORK, DEVICE]
            .into_iter()
            .flat_map(|kind| (0..GROUPS).map(move |group| key(masters, kind, &[group], address)));
        let unknown = key(masters, UNKNOWN, &[], address);
        std::iter::once(unknown).chain(grouped).collect()
    }
}

const UNKNOWN: &[u8] = b"stranger ";
const NETWORK: &[u8] = b"neighbours ";
const DEVICE: &[u8] = b"devices ";

fn key(masters: &MasterSecrets, kind: &[u8], name: &[u8], address: &str) -> Vec<u8> {
    derive::<32>(masters, b"sign-in failures 1 ", &[kind, name], address).to_vec()
}

fn derive<const N: usize>(
    masters: &MasterSecrets,
    label: &[u8],
    parts: &[&[u8]],
    address: &str,
) -> [u8; N] {
    let mut info = vec![label];
    info.extend(parts);
    info.extend([b" ".as_slice(), address.as_bytes()]);
    masters.codes(&info).next().unwrap_or([0; N])
}

/// Forgets all failed sign-ins to the account with this email address, in lower case, when its owner
/// has proved to be who they are.
pub(crate) async fn forget_all(
    database: &Database,
    masters: &MasterSecrets,
    address: &str,
) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM sign_in_failures WHERE key IN (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33)";
    let keys = AttemptSource::all_keys(masters, address);
    let statement = keys
        .iter()
        .fold(Statement::new(SQL), |statement, key| statement.bind(key));
    database.execute(statement).await.map(drop)
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
    /// Returns how long this source has to wait, if it has to. This only reads, so that attempts
    /// during a wait keep nobody from writing.
    pub async fn wait(
        database: &Database,
        key: &[u8],
        now: Timestamp,
    ) -> Result<Option<Duration>, Error> {
        const SQL: &str = "
            SELECT blocked_until FROM sign_in_failures
            WHERE key = $1 AND blocked_until > $2 AND blocked_until <= $3";
        let statement = Statement::new(SQL)
            .bind(key)
            .bind(now)
            .bind(now.plus(LONGEST_DELAY + CLOCK_SKEW));
        let row: Option<(Timestamp,)> = database.fetch_optional(statement).await?;
        Ok(row.map(|(until,)| until.since(now)))
    }

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

    /// Whether the next attempt has to wait if this one fails.
    pub fn is_followed_by_wait(&self) -> bool {
        delay(self.number).is_some()
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
    use std::collections::BTreeSet;

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
    fn the_sources_of_an_address_have_a_few_keys_of_its_own() {
        let masters = MasterSecrets::parse("a master secret that has 32 bytes or more").unwrap();
        let network = |text: &str| {
            AttemptSource::KnownNetwork(text.parse::<std::net::IpAddr>().unwrap().into())
        };
        let keys_of = |address| {
            (0..200_u8)
                .flat_map(|n| {
                    let device = AttemptSource::KnownDevice([n; 16]);
                    [
                        network(&format!("192.0.2.{n}")),
                        device,
                        AttemptSource::Unknown,
                    ]
                })
                .map(|source| source.key(&masters, address))
                .collect::<BTreeSet<_>>()
        };
        // However many devices and networks there are, there are few counts, and all can be deleted.
        let keys = keys_of("ada@example.com");
        assert_eq!(keys.len(), 2 * usize::from(GROUPS) + 1);
        let all = AttemptSource::all_keys(&masters, "ada@example.com");
        assert_eq!(all.len(), keys.len());
        assert_eq!(BTreeSet::from_iter(all), keys);
        assert!(keys.is_disjoint(&keys_of("b@example.com")));
    }
}
