//! The table `sign_in_failures`: sign-ins in a row without a right password, for each address that
//! somebody tries, whether or not it has an account. Those of strangers are counted together; a
//! device that has signed in to the account before is counted by itself, so that strangers can't
//! lock its owner out. So is a session that is asked for the password once more: whoever has stolen
//! its token doesn't have that yet.

use std::time::Duration;

use sqlx::FromRow;

use crate::{
    ClientNetwork, Database, Error, Id, MasterSecrets, Timestamp,
    clock::CLOCK_SKEW,
    crypto::device_token::Nonce,
    store::database::{reading, writing},
};

/// How many failures in a row are free.
const FREE_GUESSES: i32 = 10;

/// How long sign-ins are refused after that; each further failure doubles it.
const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// How many passwords may be in the middle of their check before the first delay. Right ones are
/// not failures, but nobody knows before they are checked; an owner's many devices that sign in at
/// the same moment must not wait for each other. So many guesses at most are free to who sends them
/// all at once.
const GUESSES_AT_ONCE: i32 = 32;

/// Once there are delays, one password is checked at a time: the next has to wait for so long,
/// unless the check ends before.
const CHECK_TIME: Duration = Duration::from_secs(10);

/// After so long without another failure, all are forgotten.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whose failures are counted together, for one account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptSource {
    /// Everybody who has not signed in to it before.
    Unknown,
    /// Who comes from where a living session of the account was last used: for programs, which keep
    /// no device token.
    KnownNetwork(ClientNetwork),
    /// The device with this token.
    KnownDevice(Nonce),
    /// Who is signed in with this session, and is asked for the password once more.
    Session(Id),
}

impl AttemptSource {
    /// What the failures at an address, in lower case, are kept under. Only the master secret makes
    /// it, so that the table tells nobody which addresses are tried.
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

/// Forgets all failures. Binds: key.
pub(crate) const FORGET: &str = "DELETE FROM sign_in_failures WHERE key = $1";

/// A sign-in that has been counted before its password is checked.
#[derive(Debug)]
pub(crate) struct LoginAttempt {
    pub key: Vec<u8>,
    /// How many there have been in a row, with this one.
    number: i32,
}

/// Whether a password may be tried.
pub(crate) enum AttemptDecision {
    /// It may, and counts as a failure until it proves right.
    Allowed(LoginAttempt),
    /// Not before so long.
    Blocked(Duration),
}

impl LoginAttempt {
    /// Counts a guess, in the one statement that also asks whether it is allowed; so many guesses at
    /// once are so many guesses.
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
        #[derive(FromRow)]
        struct Row {
            blocked_until: Option<Timestamp>,
        }
        let number: Option<i32> = writing!(database, connection => {
            sqlx::query_scalar(COUNT)
                .bind(&key)
                .bind(now)
                .bind(now.minus(MEMORY))
                .bind(GUESSES_AT_ONCE)
                .bind(now.plus(CHECK_TIME))
                // So long no delay is: the clock has been set back.
                .bind(now.plus(LONGEST_DELAY + CLOCK_SKEW))
                .fetch_optional(connection)
                .await?
        });
        if let Some(number) = number {
            return Ok(AttemptDecision::Allowed(Self { key, number }));
        }
        let row: Option<Row> = reading!(database, connection => {
            sqlx::query_as(BLOCKED).bind(&key).fetch_optional(connection).await?
        });
        // A right password may have ended the delay meanwhile.
        let until = row.and_then(|row| row.blocked_until).unwrap_or(now);
        Ok(AttemptDecision::Blocked(until.since(now)))
    }

    /// The password was wrong: from some number on, the next guess has to wait.
    pub async fn was_wrong(&self, database: &Database, now: Timestamp) -> Result<(), Error> {
        const SQL: &str = "UPDATE sign_in_failures SET blocked_until = $2 WHERE key = $1";
        let Some(delay) = delay(self.number) else {
            return Ok(());
        };
        writing!(database, connection => {
            sqlx::query(SQL)
                .bind(&self.key)
                .bind(now.plus(delay))
                .execute(connection)
                .await
                .map(drop)?
        });
        Ok(())
    }

    /// The password was right: the next failure is the first one.
    pub async fn was_right(&self, database: &Database) -> Result<(), Error> {
        writing!(database, connection => {
            sqlx::query(FORGET).bind(&self.key).execute(connection).await.map(drop)?
        });
        Ok(())
    }

    /// The password was not checked.
    pub async fn take_back(&self, database: &Database) -> Result<(), Error> {
        const SQL: &str = "
            UPDATE sign_in_failures SET guesses = guesses - 1 WHERE key = $1 AND guesses > 0";
        writing!(database, connection => {
            sqlx::query(SQL).bind(&self.key).execute(connection).await.map(drop)?
        });
        Ok(())
    }
}

/// How long sign-ins are refused after so many failures in a row.
fn delay(failures: i32) -> Option<Duration> {
    let doublings = u32::try_from(failures - FREE_GUESSES).ok()?.min(16);
    Some(LONGEST_DELAY.min(FIRST_DELAY * 2_u32.pow(doublings)))
}

/// Removes rows that no longer matter, so many at most; how many it were.
pub(crate) async fn remove_old(
    database: &Database,
    now: Timestamp,
    limit: u32,
) -> Result<u64, Error> {
    // A row may be counted up while this waits for it.
    const SQL: &str = "
        DELETE FROM sign_in_failures WHERE updated_at <= $1 AND key IN (
            SELECT key FROM sign_in_failures WHERE updated_at <= $1 ORDER BY updated_at LIMIT $2
        )";
    Ok(writing!(database, connection => {
        sqlx::query(SQL)
            .bind(now.minus(MEMORY))
            .bind(i64::from(limit))
            .execute(connection)
            .await?
            .rows_affected()
    }))
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
    fn each_guesser_at_each_address_has_a_key() {
        let masters = MasterSecrets::parse("a master secret that has 32 bytes or more").unwrap();
        let network = |text: &str| {
            AttemptSource::KnownNetwork(text.parse::<std::net::IpAddr>().unwrap().into())
        };
        let guessers = [
            AttemptSource::Unknown,
            network("192.0.2.1"),
            network("192.0.2.2"),
            AttemptSource::KnownDevice([1; 16]),
            AttemptSource::KnownDevice([2; 16]),
        ];
        let keys: std::collections::HashSet<_> = guessers
            .iter()
            .flat_map(|guesser| {
                ["ada@example.com", "b@example.com"].map(|a| guesser.key(&masters, a))
            })
            .collect();
        assert_eq!(keys.len(), 10);
    }
}
