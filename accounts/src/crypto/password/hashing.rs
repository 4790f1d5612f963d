//! Hashes passwords with Argon2id (RFC 9106) on dedicated threads, as PHC strings.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use argon2::{
    Algorithm, Argon2, Block, Params, PasswordHash, Version,
    password_hash::phc::{Output, ParamsString, Salt},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::sync::oneshot;

use crate::{error::Error, text};

/// The length of salts and hashes in bytes (RFC 9106, section 4).
const SALT_LENGTH: usize = 16;
const HASH_LENGTH: usize = 32;

/// A password in Normalization Form C, so that it is the same on every keyboard and system (NIST SP
/// 800-63B, section 3.1.1.2). It can't be printed, and is wiped from memory when it is dropped.
#[derive(Clone)]
pub(crate) struct Password {
    text: SecretString,
    /// The password as it was typed, if that is another text: hashes from before passwords were
    /// normalized may be of it.
    typed: Option<SecretString>,
}

impl Password {
    pub fn new(text: &str) -> Self {
        let normalized = text::nfc(text);
        Self {
            typed: (normalized != text).then(|| text.into()),
            text: SecretString::from(normalized.into_owned()),
        }
    }
}

/// How many hashes may wait for a thread.
const QUEUE_LENGTH: usize = 512;

/// How long a hash may wait for a thread.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// After this time without work, a thread frees its memory.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The niceness of hashing threads (0 to 19, `nice(2)`).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The cost of a password hash: Argon2id's memory, passes and lanes (RFC 9106, section 3.1).
#[derive(Clone, Debug)]
pub struct HashingCost(Params);

/// Why a text is not a hashing cost.
#[derive(Debug, thiserror::Error)]
#[error(
    "write it as m=<KiB of memory>,t=<passes>,p=<lanes>, with m from 8 times p to 1048576, t from 1 to 64 and p from 1 to 16"
)]
pub struct InvalidHashingCost;

impl FromStr for HashingCost {
    type Err = InvalidHashingCost;

    /// Parses `m=19456,t=2,p=1`: memory in KiB, passes, lanes; each once, in any order.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut m, mut t, mut p) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or(InvalidHashingCost)?;
            let slot = match name.trim() {
                "m" => &mut m,
                "t" => &mut t,
                "p" => &mut p,
                _ => return Err(InvalidHashingCost),
            };
            let value = value
                .trim()
                .parse::<u32>()
                .map_err(|_| InvalidHashingCost)?;
            if slot.replace(value).is_some() {
                return Err(InvalidHashingCost);
            }
        }
        let (Some(m @ ..=1_048_576), Some(t @ 1..=64), Some(p @ 1..=16)) = (m, t, p) else {
            return Err(InvalidHashingCost);
        };
        Params::new(m, t, p, Some(HASH_LENGTH))
            .map(Self)
            .map_err(|_| InvalidHashingCost)
    }
}

impl fmt::Display for HashingCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (m, t, p) = (self.0.m_cost(), self.0.t_cost(), self.0.p_cost());
        write!(f, "m={m},t={t},p={p}")
    }
}

/// The result of checking a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verified {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, and this is its hash at the current cost, because the stored one has
    /// another, or is of the password as it was typed.
    RightWithNewHash(String),
}

/// The threads that hash passwords.
///
/// They keep the work off the async runtime, and limit memory in a flood of sign-ins: each thread has
/// one block of memory and reuses it.
#[derive(Clone)]
pub(crate) struct Hasher {
    queue: Sender<Job>,
    cost: HashingCost,
    /// A hash at the current cost that no password has. Sign-ins with an unknown email are checked
    /// against it.
    decoy: Arc<str>,
}

struct Job {
    deadline: Instant,
    work: Work,
}

/// Work for a thread, with its block of memory.
type Work = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

impl Hasher {
    /// Starts one thread for each core.
    ///
    /// # Errors
    /// When the system can't start a thread.
    pub fn start(cost: HashingCost) -> std::io::Result<Self> {
        let (queue, jobs) = crossbeam_channel::bounded(QUEUE_LENGTH);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        for number in 0..threads {
            let jobs = jobs.clone();
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&jobs))?;
        }
        let decoy = phc(&cost.0, [0; SALT_LENGTH], [0; HASH_LENGTH])
            .map_err(std::io::Error::other)?
            .into();
        Ok(Self { queue, cost, decoy })
    }

    /// Hashes a new password with this salt.
    pub async fn hash(&self, password: Password, salt: [u8; SALT_LENGTH]) -> Result<String, Error> {
        let cost = self.cost.clone();
        self.run(move |memory| hash(&password, salt, &cost.0, memory))
            .await?
    }

    /// Checks a password against a stored hash. Without one, the same work is done and the result is
    /// `Wrong`: how often it hashes depends on the password alone. If a new hash is needed, it gets
    /// this salt.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<&str>,
        salt: [u8; SALT_LENGTH],
    ) -> Result<Verified, Error> {
        let cost = self.cost.clone();
        let stored = stored.filter(|stored| *stored != super::NO_PASSWORD);
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.decoy).to_owned();
        self.run(move |memory| {
            let verified = verify(&password, &stored, salt, &cost.0, memory)?;
            Ok(if known { verified } else { Verified::Wrong })
        })
        .await?
    }

    /// The number of hashes that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Runs work on a thread. It is skipped if the queue is full, or if the future is dropped before
    /// the work starts.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        let job = Job {
            deadline: Instant::now() + QUEUE_TIMEOUT,
            work: Box::new(move |memory| {
                if !sender.is_closed() {
                    let _ = sender.send(work(memory));
                }
            }),
        };
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Overloaded,
            TrySendError::Disconnected(_) => {
                Error::internal("can't hash a password", "no hashing thread is left")
            }
        })?;
        receiver.await.map_err(|_| Error::Overloaded)
    }
}

/// The main function of a thread: runs jobs until the last [`Hasher`] is dropped.
fn work(jobs: &Receiver<Job>) {
    lower_priority();
    let mut memory = Vec::new();
    loop {
        let job = match jobs.recv_timeout(IDLE_TIMEOUT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                memory = Vec::new();
                match jobs.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if Instant::now() < job.deadline {
            (job.work)(&mut memory);
        }
    }
}

/// Lowers the priority of this thread, so that a flood of sign-ins slows down sign-ins and nothing
/// else.
fn lower_priority() {
    // Only on Linux does each thread have its own priority.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!(%error, "can't lower the priority of a hashing thread");
    }
}

fn hash(
    password: &Password,
    salt: [u8; SALT_LENGTH],
    params: &Params,
    memory: &mut Vec<Block>,
) -> Result<String, Error> {
    let mut output = [0; HASH_LENGTH];
    compute(&password.text, &salt, params, memory, &mut output)?;
    phc(params, salt, output)
        .map_err(|error| Error::internal("can't encode a password hash", error))
}

fn verify(
    password: &Password,
    stored: &str,
    salt: [u8; SALT_LENGTH],
    current: &Params,
    memory: &mut Vec<Block>,
) -> Result<Verified, Error> {
    let Some((params, stored_salt, stored_hash)) = read_phc(stored) else {
        tracing::error!(
            "a stored password hash is not an Argon2id PHC string, so no password matches"
        );
        return Ok(Verified::Wrong);
    };
    let mut matches = |text: &SecretString| {
        let mut output = vec![0; stored_hash.len()];
        compute(text, &stored_salt, &params, memory, &mut output)?;
        Ok::<bool, Error>(output.as_slice().ct_eq(stored_hash.as_bytes()).into())
    };
    let is_normalized = matches(&password.text)?;
    if !is_normalized && !password.typed.as_ref().map_or(Ok(false), matches)? {
        return Ok(Verified::Wrong);
    }
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    if is_normalized && cost(&params) == cost(current) {
        Ok(Verified::Right)
    } else {
        hash(password, salt, current, memory).map(Verified::RightWithNewHash)
    }
}

fn compute(
    password: &SecretString,
    salt: &[u8],
    params: &Params,
    memory: &mut Vec<Block>,
    output: &mut [u8],
) -> Result<(), Error> {
    if memory.len() < params.block_count() {
        memory.resize(params.block_count(), Block::default());
    }
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password.expose_secret().as_bytes(), salt, output, memory)
        .map_err(|error| Error::internal("can't hash a password", error))
}

/// Parses a PHC string of Argon2id.
fn read_phc(text: &str) -> Option<(Params, Salt, Output)> {
    let stored = PasswordHash::new(text).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let is_argon2id = stored.algorithm == argon2::ARGON2ID_IDENT;
    Some((params, stored.salt?, stored.hash?)).filter(|_| is_argon2id)
}

/// Formats a hash as a PHC string.
fn phc(
    params: &Params,
    salt: [u8; SALT_LENGTH],
    output: [u8; HASH_LENGTH],
) -> Result<String, argon2::password_hash::phc::Error> {
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)
            .map_err(|_| argon2::password_hash::phc::Error::ParamsMaxExceeded)?,
        salt: Some(Salt::new(&salt)?),
        hash: Some(Output::new(&output)?),
    };
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(cost: &str) -> Hasher {
        Hasher::start(cost.parse().unwrap()).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text)
    }

    #[tokio::test]
    async fn a_hash_is_an_argon2id_phc_string_that_only_its_password_matches() {
        let hasher = hasher("m=64,t=2,p=1");
        let stored = hasher.hash(password("open sesame"), [7; 16]).await.unwrap();
        assert_eq!(
            stored,
            // The output of the reference implementation in C.
            "$argon2id$v=19$m=64,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$bIs/k8EQQLgFGBAiOuY4IVRzYVbjBYXQ5JklU6nTayM"
        );
        let check = async |text| {
            hasher
                .verify(password(text), Some(&stored), [8; 16])
                .await
                .unwrap()
        };
        assert_eq!(check("open sesame").await, Verified::Right);
        assert_eq!(check("Open sesame").await, Verified::Wrong);
        assert_eq!(check("").await, Verified::Wrong);
        let unknown = hasher
            .verify(password("open sesame"), None, [8; 16])
            .await
            .unwrap();
        assert_eq!(unknown, Verified::Wrong);
    }

    #[tokio::test]
    async fn no_password_matches_an_invalid_hash() {
        let hasher = hasher("m=64,t=1,p=1");
        for stored in [
            "",
            "secret",
            "$argon2id$v=19$m=64,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw",
        ] {
            let checked = hasher.verify(password(stored), Some(stored), [8; 16]).await;
            assert_eq!(checked.unwrap(), Verified::Wrong, "{stored}");
        }
    }

    #[tokio::test]
    async fn a_raised_cost_results_in_a_new_hash() {
        let stored = hasher("m=64,t=1,p=1")
            .hash(password("open sesame"), [7; 16])
            .await
            .unwrap();
        let dearer = hasher("m=128,t=2,p=1");
        let verified = dearer
            .verify(password("open sesame"), Some(&stored), [8; 16])
            .await
            .unwrap();
        let Verified::RightWithNewHash(new) = verified else {
            panic!("{verified:?}");
        };
        assert!(new.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{new}");
        let again = dearer
            .verify(password("open sesame"), Some(&new), [9; 16])
            .await
            .unwrap();
        assert_eq!(again, Verified::Right);
    }

    /// The accented letter as one character, and as two.
    const SPELLINGS: [&str; 2] = ["caf\u{e9} noir", "cafe\u{301} noir"];

    #[tokio::test]
    async fn all_spellings_of_a_password_have_one_hash() {
        let hasher = hasher("m=64,t=1,p=1");
        let [one, other] = SPELLINGS.map(|spelling| hasher.hash(password(spelling), [7; 16]));
        let stored = one.await.unwrap();
        assert_eq!(other.await.unwrap(), stored);
        for (typed, expected) in [
            (SPELLINGS[0], Verified::Right),
            (SPELLINGS[1], Verified::Right),
            ("cafe noir", Verified::Wrong),
            ("cafe\u{300} noir", Verified::Wrong),
        ] {
            let verified = hasher.verify(password(typed), Some(&stored), [8; 16]);
            assert_eq!(verified.await.unwrap(), expected, "{typed:?}");
            let unknown = hasher.verify(password(typed), None, [8; 16]);
            assert_eq!(unknown.await.unwrap(), Verified::Wrong, "{typed:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_a_password_as_typed_is_replaced() {
        let hasher = hasher("m=64,t=1,p=1");
        let as_typed = |text: &str| Password {
            text: text.into(),
            typed: None,
        };
        let old = hasher.hash(as_typed(SPELLINGS[1]), [7; 16]).await.unwrap();
        let verify = async |stored: &str, text: &str| {
            let verified = hasher.verify(password(text), Some(stored), [8; 16]);
            verified.await.unwrap()
        };
        // Nobody can tell from the other spelling how the password was typed then.
        assert_eq!(verify(&old, SPELLINGS[0]).await, Verified::Wrong);
        let verified = verify(&old, SPELLINGS[1]).await;
        let Verified::RightWithNewHash(new) = verified else {
            panic!("{verified:?}");
        };
        for spelling in SPELLINGS {
            assert_eq!(verify(&new, spelling).await, Verified::Right);
        }
    }

    #[test]
    fn parses_costs() {
        let parse = |text: &str| {
            text.parse::<HashingCost>()
                .map(|cost| cost.to_string())
                .ok()
        };
        assert_eq!(parse("m=19456,t=2,p=1").as_deref(), Some("m=19456,t=2,p=1"));
        assert_eq!(parse(" p=1, m=64 ,t=1").as_deref(), Some("m=64,t=1,p=1"));
        for bad in [
            "",
            "m=64",
            "m=64,t=1",
            "m=64,t=1,p=1,p=1",
            "m=1,t=1,p=1",
            "m=64,t=0,p=1",
            "m=64,t=1,p=0",
            "m=64,t=1,p=99",
            "m=9999999,t=1,p=1",
            "m=-1,t=1,p=1",
            "m=64;t=1;p=1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
