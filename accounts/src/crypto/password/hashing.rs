//! Hashes passwords on dedicated threads.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    cost::HashingCost,
    entered::Password,
    formats::{self, InvalidHash},
    stored::Memory,
    verify::{self, SALT_LENGTH, SeenCosts, Verified},
};
use crate::error::Error;

/// How many requests may have a place in the queue, besides those that are being hashed for.
const QUEUE_LENGTH: usize = 512;

/// How long a hash may wait for a thread.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

/// After this time without work, a thread frees its memory.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// The niceness of hashing threads (0 to 19, `nice(2)`).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// The threads that hash passwords.
///
/// They keep the work off the async runtime, and limit memory in a flood of sign-ins: each thread has
/// one block of memory and reuses it.
#[derive(Clone)]
pub(crate) struct Hasher {
    /// It has no bound of its own, because a job needs a place.
    queue: Sender<Job>,
    places: Arc<Semaphore>,
    cost: HashingCost,
    seen: Arc<Mutex<SeenCosts>>,
}

/// A place in the queue of a [`Hasher`]. A request that is going to hash reserves one before it
/// writes anything, so that a refusal for want of a place changes nothing.
pub(crate) struct HashingPlace {
    hasher: Hasher,
    /// Shared with the job, which occupies the place even when nobody waits for it any more.
    permit: Arc<OwnedSemaphorePermit>,
}

struct Job {
    deadline: Instant,
    work: Work,
    _permit: Arc<OwnedSemaphorePermit>,
}

/// Work for a thread, with its memory.
type Work = Box<dyn FnOnce(&mut Memory) + Send>;

impl Hasher {
    /// Starts one thread for each core.
    ///
    /// # Errors
    /// When the system can't start a thread.
    pub fn start(cost: HashingCost) -> std::io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        Self::start_with(cost, threads, QUEUE_LENGTH + threads)
    }

    fn start_with(cost: HashingCost, threads: usize, places: usize) -> std::io::Result<Self> {
        let (queue, jobs) = crossbeam_channel::unbounded();
        for number in 0..threads {
            let jobs = jobs.clone();
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || work(&jobs))?;
        }
        Ok(Self {
            queue,
            places: Arc::new(Semaphore::new(places)),
            seen: Arc::new(Mutex::new(SeenCosts::new(&cost.0))),
            cost,
        })
    }

    /// Reserves a place in the queue.
    ///
    /// # Errors
    /// `Overloaded` when all are taken.
    pub fn reserve(&self) -> Result<HashingPlace, Error> {
        let permit = self.places.clone().try_acquire_owned();
        Ok(HashingPlace {
            hasher: self.clone(),
            permit: Arc::new(permit.map_err(|_| Error::Overloaded)?),
        })
    }

    /// Checks whether users may be imported with this hash.
    pub fn check_imported(&self, hash: &str) -> Result<(), InvalidHash> {
        formats::check_imported(hash, &self.cost)
    }

    /// The number of hashes that wait for a thread.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl HashingPlace {
    /// Hashes a new password with this salt.
    pub async fn hash(&self, password: Password, salt: [u8; SALT_LENGTH]) -> Result<String, Error> {
        let cost = self.hasher.cost.clone();
        self.run(move |memory| verify::hash(&password, salt, &cost.0, memory))
            .await?
    }

    /// Checks a password against a stored hash. Without one, the same work is done and the result is
    /// `Wrong`. If a new hash is needed, it gets this salt.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<&str>,
        salt: [u8; SALT_LENGTH],
    ) -> Result<Verified, Error> {
        let (cost, seen) = (self.hasher.cost.clone(), self.hasher.seen.clone());
        let stored = stored.filter(|stored| *stored != super::NO_PASSWORD);
        let stored = stored.map(str::to_owned);
        self.run(move |memory| {
            verify::verify(&password, stored.as_deref(), salt, &cost.0, &seen, memory)
        })
        .await?
    }

    /// Does other work for a password, which is slow, on a thread.
    pub async fn run_other<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.run(move |_| work()).await
    }

    /// Runs work on a thread. It is skipped if it has waited too long, or if the future is dropped
    /// before the work starts.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (sender, receiver) = oneshot::channel();
        let job = Job {
            deadline: Instant::now() + QUEUE_TIMEOUT,
            work: Box::new(move |memory| {
                if !sender.is_closed() {
                    let _ = sender.send(work(memory));
                }
            }),
            _permit: self.permit.clone(),
        };
        self.hasher
            .queue
            .send(job)
            .map_err(|_| Error::internal("can't hash a password", "no hashing thread is left"))?;
        receiver.await.map_err(|_| Error::Overloaded)
    }
}

/// The main function of a thread: runs jobs until the last [`Hasher`] is dropped.
fn work(jobs: &Receiver<Job>) {
    lower_priority();
    let mut memory = Memory::default();
    loop {
        let job = match jobs.recv_timeout(IDLE_TIMEOUT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                memory = Memory::default();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher(cost: &str) -> Hasher {
        Hasher::start(cost.parse().unwrap()).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text)
    }

    async fn verify(hasher: &Hasher, text: &str, stored: Option<&str>) -> Verified {
        let place = hasher.reserve().unwrap();
        let verified = place.verify(password(text), stored, [8; 16]).await;
        verified.unwrap()
    }

    async fn hash(hasher: &Hasher, text: &str) -> String {
        let place = hasher.reserve().unwrap();
        place.hash(password(text), [7; 16]).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_is_an_argon2id_phc_string_that_only_its_password_matches() {
        let hasher = hasher("m=64,t=2,p=1");
        let stored = hash(&hasher, "open sesame").await;
        assert_eq!(
            stored,
            // The output of the reference implementation in C.
            "$argon2id$v=19$m=64,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$bIs/k8EQQLgFGBAiOuY4IVRzYVbjBYXQ5JklU6nTayM"
        );
        let check = async |text| verify(&hasher, text, Some(&stored)).await;
        assert_eq!(check("open sesame").await, Verified::Right);
        assert_eq!(check("Open sesame").await, Verified::Wrong);
        assert_eq!(check("").await, Verified::Wrong);
        let unknown = verify(&hasher, "open sesame", None).await;
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
            let checked = verify(&hasher, stored, Some(stored)).await;
            assert_eq!(checked, Verified::Wrong, "{stored}");
        }
    }

    #[tokio::test]
    async fn a_raised_cost_results_in_a_new_hash() {
        let stored = hash(&hasher("m=64,t=1,p=1"), "open sesame").await;
        let dearer = hasher("m=128,t=2,p=1");
        let verified = verify(&dearer, "open sesame", Some(&stored)).await;
        let Verified::RightWithNewHash(new) = verified else {
            panic!("{verified:?}");
        };
        assert!(new.starts_with("$argon2id$v=19$m=128,t=2,p=1$"), "{new}");
        let again = verify(&dearer, "open sesame", Some(&new)).await;
        assert_eq!(again, Verified::Right);
    }

    /// The accented letter as one character, and as two.
    const SPELLINGS: [&str; 2] = ["caf\u{e9} noir", "cafe\u{301} noir"];

    #[tokio::test]
    async fn all_spellings_of_a_password_have_one_hash() {
        let hasher = hasher("m=64,t=1,p=1");
        let stored = hash(&hasher, SPELLINGS[0]).await;
        assert_eq!(hash(&hasher, SPELLINGS[1]).await, stored);
        for (typed, expected) in [
            (SPELLINGS[0], Verified::Right),
            (SPELLINGS[1], Verified::Right),
            ("cafe noir", Verified::Wrong),
            ("cafe\u{300} noir", Verified::Wrong),
        ] {
            let verified = verify(&hasher, typed, Some(&stored)).await;
            assert_eq!(verified, expected, "{typed:?}");
            let unknown = verify(&hasher, typed, None).await;
            assert_eq!(unknown, Verified::Wrong, "{typed:?}");
        }
    }

    #[tokio::test]
    async fn a_hash_of_a_password_as_typed_is_replaced() {
        let hasher = hasher("m=64,t=1,p=1");
        let as_typed = |text: &str| Password {
            text: text.into(),
            typed: None,
        };
        let place = hasher.reserve().unwrap();
        let old = place.hash(as_typed(SPELLINGS[1]), [7; 16]).await.unwrap();
        let verify = async |stored: &str, text: &str| verify(&hasher, text, Some(stored)).await;
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

    #[tokio::test]
    async fn a_place_is_taken_until_nobody_waits_and_its_work_is_done() {
        let hasher = Hasher::start_with("m=64,t=1,p=1".parse().unwrap(), 1, 2).unwrap();
        let places = (hasher.reserve().unwrap(), hasher.reserve().unwrap());
        assert!(matches!(hasher.reserve(), Err(Error::Overloaded)));
        // One place serves several hashes, one after the other.
        for _ in 0..3 {
            places.0.hash(password("a"), [7; 16]).await.unwrap();
        }
        assert!(hasher.reserve().is_err());
        let (started, is_started) = oneshot::channel();
        let (finish, may_finish) = std::sync::mpsc::channel::<()>();
        let slow = tokio::spawn(async move {
            let wait = move |_: &mut Memory| {
                let _ = started.send(());
                let _ = may_finish.recv();
            };
            places.0.run(wait).await
        });
        is_started.await.unwrap();
        slow.abort();
        assert!(slow.await.unwrap_err().is_cancelled());
        // The thread is still busy with it.
        assert!(hasher.reserve().is_err());
        finish.send(()).unwrap();
        let free = async {
            while hasher.reserve().is_err() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), free)
            .await
            .unwrap();
    }
}
