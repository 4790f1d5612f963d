//! Users in memory: what a request is authorized from without asking the database.
//!
//! # Why nothing stale is trusted
//!
//! An entry is trusted only while three things hold.
//!
//! 1. *Its generation is the present one.* Users share a fixed table of counters. A load notes the
//!    counter **before** it asks the database, and the entry carries that number; every change moves
//!    the counter on **after** its commit and before it is answered for. So a load that may have
//!    seen the time before the change carries an old number, whatever the two did first, and is not
//!    trusted; one with the new number began after the commit and has seen it.
//! 2. *Its epoch is the present one.* The epoch moves on whenever changes may have gone unheard:
//!    when listening begins, or begins anew.
//! 3. *All changes up to now have been heard*, which the two databases show in their own ways.
//!
//! **PostgreSQL: the lease.** Changes made by other servers, or by a person with psql, arrive as
//! notices, in the order of their commits. Each server sends itself a heartbeat the same way; when
//! it comes back, every change committed before it was sent has been heard, and its counter moved
//! on. The lease is for a fixed time after the moment **before** that heartbeat was sent. So if a
//! change is committed at C and an entry from before is still trusted at T, the heartbeat in force
//! was sent before C, and T is at most one lease after C. A server that can't hear (no connection,
//! one that hangs, a listener that stands still) gets no heartbeat back: its lease runs out and it
//! asks the database, which knows.
//!
//! **SQLite: the file.** A commit, by whatever process, changes the header of the file's WAL index,
//! which every request looks at ([`WatchedFile`]). Where it has changed, triggers have written down
//! whom to forget. There is no delay at all.

mod lease;

use std::{
    future::Future,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use quick_cache::{DefaultHashBuilder, sync::Cache};

pub(crate) use lease::Lease;

use crate::{
    Database, Error, Id,
    crypto::token_keys::TokenKeys,
    store::{user_changes::Changes, users::LiveUser},
};

/// How many counters users share. Two users with one counter cost each other a query now and then.
const GENERATIONS: usize = 1 << 14;

/// How often a load that was overtaken by changes is repeated before the answer is used without
/// being kept.
const ATTEMPTS: usize = 3;

/// How users are kept in memory.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// How many users at most; none for 0.
    pub users: usize,
    /// For how long after its last heartbeat a server trusts its memory.
    pub lease: Duration,
}

/// A user as requests need it, in one piece: there are many.
#[derive(Debug)]
pub(crate) struct Known {
    pub live: LiveUser,
    /// The keys that the user's tokens may be signed with, the likeliest first.
    pub keys: TokenKeys,
    stamp: Stamp,
}

/// Before which changes an entry was loaded. An old one would be taken for new only if one of the
/// counters had gone all the way round since, which no number of changes in an entry's life does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    epoch: u32,
    generation: u32,
}

/// Users in memory.
pub(crate) struct UserCache {
    users: Option<Cache<Id, Arc<Known>>>,
    generations: Box<[AtomicU32]>,
    epoch: AtomicU32,
    hasher: DefaultHashBuilder,
    pub lease: Lease,
}

impl UserCache {
    pub fn new(settings: CacheSettings) -> Self {
        Self {
            users: (settings.users > 0).then(|| Cache::new(settings.users)),
            generations: (0..GENERATIONS).map(|_| AtomicU32::new(0)).collect(),
            epoch: AtomicU32::new(0),
            hasher: DefaultHashBuilder::default(),
            lease: Lease::new(settings.lease),
        }
    }

    /// A user, from memory where that can be trusted. Of many that miss the same user, one loads.
    pub async fn get<F>(
        &self,
        database: &Database,
        user_id: Id,
        load: impl Fn() -> F,
    ) -> Result<Option<Arc<Known>>, Error>
    where
        F: Future<Output = Result<Option<(LiveUser, TokenKeys)>, Error>>,
    {
        let fresh = async || {
            let stamp = self.stamp(user_id);
            let loaded = load().await?;
            Ok::<_, Error>(loaded.map(|(live, keys)| Arc::new(Known { live, keys, stamp })))
        };
        let Some(users) = &self.users else {
            return fresh().await;
        };
        for _ in 0..ATTEMPTS {
            if !self.has_heard(database).await? {
                break;
            }
            match users.get_value_or_guard_async(&user_id).await {
                Ok(known) if self.is_current(user_id, &known) => return Ok(Some(known)),
                Ok(stale) => {
                    users.remove_if(&user_id, |present| Arc::ptr_eq(present, &stale));
                }
                // Who is dropped with the guard in hand leaves the load to the next in line.
                Err(guard) => {
                    let Some(known) = fresh().await? else {
                        return Ok(None);
                    };
                    if self.is_current(user_id, &known) {
                        // Fails only where the entry was removed meanwhile, which is as well.
                        let _ = guard.insert(known.clone());
                    }
                    // It was read after this request had begun: good for this one in any case.
                    return Ok(Some(known));
                }
            }
        }
        fresh().await
    }

    /// Whether all changes up to now have been heard.
    async fn has_heard(&self, database: &Database) -> Result<bool, Error> {
        match database {
            Database::Postgres { .. } => Ok(self.lease.holds()),
            Database::Sqlite { file, .. } if file.is_unchanged() => Ok(true),
            Database::Sqlite { file, read, .. } => {
                let forget = |changes| match changes {
                    Changes::Of(users) => users.into_iter().for_each(|id| self.forget(id)),
                    Changes::All => self.forget_all(),
                };
                file.catch_up(read, forget).await
            }
        }
    }

    /// How many users are in memory.
    pub fn len(&self) -> usize {
        self.users.as_ref().map_or(0, Cache::len)
    }

    /// Whether memory is trusted now, as far as can be told without asking the database.
    pub fn is_trusted(&self, database: &Database) -> bool {
        self.users.is_some()
            && match database {
                Database::Postgres { .. } => self.lease.holds(),
                Database::Sqlite { file, .. } => file.is_watched(),
            }
    }

    /// Something about this user has changed: nothing loaded before is trusted.
    pub fn forget(&self, user_id: Id) {
        self.generation(user_id).fetch_add(1, Ordering::SeqCst);
    }

    /// Anything may have changed.
    pub fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if let Some(users) = &self.users {
            users.clear();
        }
    }

    fn is_current(&self, user_id: Id, known: &Known) -> bool {
        known.stamp == self.stamp(user_id)
    }

    fn stamp(&self, user_id: Id) -> Stamp {
        Stamp {
            epoch: self.epoch.load(Ordering::SeqCst),
            generation: self.generation(user_id).load(Ordering::SeqCst),
        }
    }

    fn generation(&self, user_id: Id) -> &AtomicU32 {
        let hash = self.hasher.hash_one(user_id);
        let index = usize::try_from(hash % GENERATIONS as u64).unwrap_or_default();
        &self.generations[index]
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, time::Instant};

    use sqlx::Connection;
    use tempfile::TempDir;
    use tokio::sync::Notify;

    use super::*;
    use crate::{DatabaseSettings, DatabaseUrl};

    const LEASE: Duration = Duration::from_secs(60);

    struct TestEnv {
        cache: Arc<UserCache>,
        database: Database,
        folder: TempDir,
        loads: Arc<AtomicUsize>,
    }

    /// The user that all is about.
    fn ada() -> Id {
        Id::from_random([1; 16])
    }

    type Loaded = Result<Option<(LiveUser, TokenKeys)>, Error>;

    fn found(email: &str) -> Loaded {
        Ok(Some((LiveUser::made_up(ada(), email), TokenKeys::new())))
    }

    impl TestEnv {
        async fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let url = DatabaseUrl::sqlite_file(folder.path().join("latchkey.db"));
            let database = Database::open(&url, DatabaseSettings::default())
                .await
                .unwrap();
            database.migrate().await.unwrap();
            let settings = CacheSettings {
                users: 10,
                lease: LEASE,
            };
            Self {
                cache: Arc::new(UserCache::new(settings)),
                database,
                folder,
                loads: Arc::default(),
            }
        }

        /// The email of the user, who has this one in the database.
        async fn get(&self, in_database: &str) -> String {
            let load = || async {
                self.loads.fetch_add(1, Ordering::SeqCst);
                found(in_database)
            };
            let known = self.cache.get(&self.database, ada(), load).await.unwrap();
            known.unwrap().live.user.email.to_string()
        }

        fn loads(&self) -> usize {
            self.loads.load(Ordering::SeqCst)
        }
    }

    /// The address is the one other piece.
    #[test]
    fn a_user_takes_little_memory() {
        let counts_of_the_arc = 2 * size_of::<usize>();
        assert_eq!(counts_of_the_arc + size_of::<Known>(), 192);
    }

    #[tokio::test]
    async fn what_is_known_is_not_asked_for() {
        let stage = TestEnv::new().await;
        assert_eq!(stage.get("old").await, "old");
        assert_eq!(stage.get("new").await, "old");
        assert_eq!(stage.loads(), 1);
        stage.cache.forget(ada());
        assert_eq!(stage.get("new").await, "new");
        stage.cache.forget_all();
        assert_eq!(stage.get("newer").await, "newer");
        assert_eq!(stage.loads(), 3);
    }

    #[tokio::test]
    async fn of_many_that_miss_one_asks() {
        let stage = Arc::new(TestEnv::new().await);
        // The first look at the file has to be over, as it has everything forgotten.
        stage.get("ada").await;
        stage.cache.forget(ada());
        let misses: Vec<_> = (0..100)
            .map(|_| {
                let stage = stage.clone();
                tokio::spawn(async move {
                    let load = || async {
                        stage.loads.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        found("ada")
                    };
                    let known = stage.cache.get(&stage.database, ada(), load).await;
                    assert!(known.unwrap().is_some());
                })
            })
            .collect();
        for miss in misses {
            miss.await.unwrap();
        }
        assert_eq!(stage.loads(), 2);
    }

    /// A change that comes while a load is under way: what was loaded is of the time before it.
    #[tokio::test]
    async fn a_load_that_a_change_has_overtaken_is_not_kept() {
        for change in [
            (|cache: &UserCache| cache.forget(ada())) as fn(&UserCache),
            UserCache::forget_all,
        ] {
            let stage = Arc::new(TestEnv::new().await);
            stage.get("old").await;
            stage.cache.forget(ada());
            let (asked, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let slow = {
                let (stage, asked, go_on) = (stage.clone(), asked.clone(), go_on.clone());
                tokio::spawn(async move {
                    let load = || async {
                        asked.notify_one();
                        go_on.notified().await;
                        found("old")
                    };
                    stage
                        .cache
                        .get(&stage.database, ada(), load)
                        .await
                        .map(drop)
                })
            };
            asked.notified().await;
            change(&stage.cache);
            go_on.notify_one();
            slow.await.unwrap().unwrap();
            assert_eq!(stage.get("new").await, "new");
            assert_eq!(stage.get("newer").await, "new");
        }
    }

    #[tokio::test]
    async fn another_process_that_writes_to_the_file_is_heard_at_once() {
        let stage = TestEnv::new().await;
        let file = stage.folder.path().join("latchkey.db");
        let url = format!("sqlite://{}", file.display());
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        assert_eq!(stage.get("old").await, "old");
        // About somebody else: nothing of ours is forgotten.
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(Id::from_random([2; 16]))
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(stage.get("new").await, "old");
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(ada())
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(stage.get("new").await, "new");
        // So many changes that the first are no longer there to be read.
        sqlx::query("UPDATE sqlite_sequence SET seq = seq + 20000 WHERE name = 'user_changes'")
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(Id::from_random([3; 16]))
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(stage.get("newest").await, "newest");
    }

    #[tokio::test]
    async fn nothing_is_trusted_without_a_lease() {
        let lease = Lease::new(LEASE);
        assert!(!lease.holds());
        lease.renew(Instant::now());
        assert!(lease.holds());
        lease.end();
        assert!(!lease.holds());
        // A heartbeat that was sent a lease ago, and comes back now, is worth nothing.
        let long_ago = Lease::new(Duration::from_millis(1));
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        long_ago.renew(sent);
        assert!(!long_ago.holds());
    }
}
