//! The user cache: requests are authorized from it without a database query.
//!
//! # Why no stale entry is used
//!
//! An entry is used only while three conditions hold.
//!
//! 1. *Its generation is current.* Users share a fixed table of counters. A load reads the counter
//!    **before** it queries the database, and the entry keeps that number. Every change increments
//!    the counter **after** its commit and before its response. So a load that may have read the
//!    state before the change has an old number, in whatever order the two ran, and is not used. A
//!    load with the new number began after the commit and has read the change.
//! 2. *Its epoch is current.* The epoch is incremented whenever changes may have been missed: when
//!    listening starts, or starts again.
//! 3. *All changes up to now have been applied.* The two databases show this in different ways.
//!
//! **PostgreSQL: the lease.** Changes made by other servers, or by hand in psql, arrive as
//! notifications in the order of their commits. Each server sends itself a heartbeat in the same way.
//! When it comes back, every change committed before it was sent has been received, and its counter
//! incremented. The lease lasts for a fixed time after the moment **before** that heartbeat was sent.
//! So if a change is committed at C, and an entry from before is still used at T, the heartbeat in
//! force was sent before C, and T is at most one lease after C. A server that can't listen (no
//! connection, a connection that hangs, a stalled listener) receives no heartbeat: its lease expires,
//! and it queries the database.
//!
//! **SQLite: the file.** A commit by any process changes the header of the file's WAL index, which is
//! read for every request ([`WatchedFile`](crate::store::user_changes::WatchedFile)). When it has
//! changed, a table that triggers fill names the users to invalidate. There is no delay at all.
//!
//! Users and sessions that were looked up and don't exist are remembered under the same conditions.
//! Their ids are random, so that none comes back but with an older state of the database. Service keys
//! are cached in the same way.

mod cached_user;
mod lease;
mod service_keys;

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

pub(crate) use self::{cached_user::CachedUser, lease::Lease, service_keys::CachedServiceKey};
use self::{cached_user::Version, service_keys::ServiceKeys};
use crate::{
    clock::Clock,
    error::Error,
    id::Id,
    store::{database::Database, user_changes::Changes},
};

/// How many counters users share. Two users that share one cost each other a query now and then.
const GENERATIONS: usize = 1 << 14;

/// How many ended sessions and deleted users are remembered, so that tokens that were valid once cost
/// no query.
const ABSENT_LIMIT: usize = 10_000;

/// How often a load is repeated because of concurrent changes, before its result is used without
/// being cached.
const ATTEMPTS: usize = 3;

/// How users are cached.
#[derive(Clone, Copy, Debug)]
pub struct CacheSettings {
    /// The maximum number of cached users; 0 turns the cache off.
    pub users: usize,
    /// How long after its last heartbeat a server uses its cache.
    pub lease: Duration,
}

/// The user cache.
pub(crate) struct UserCache {
    users: Option<Cache<Id, Arc<CachedUser>>>,
    /// The ids of users and sessions that don't exist, and the version of that knowledge.
    absent: Cache<Id, Version>,
    service_keys: ServiceKeys,
    generations: Box<[AtomicU32]>,
    epoch: AtomicU32,
    hasher: DefaultHashBuilder,
    pub lease: Lease,
}

impl UserCache {
    pub fn new(settings: CacheSettings, clock: Arc<dyn Clock>) -> Self {
        Self {
            users: (settings.users > 0).then(|| Cache::new(settings.users)),
            absent: Cache::new(ABSENT_LIMIT),
            service_keys: ServiceKeys::new(service_keys::LIMIT),
            generations: (0..GENERATIONS).map(|_| AtomicU32::new(0)).collect(),
            epoch: AtomicU32::new(0),
            hasher: DefaultHashBuilder::default(),
            lease: Lease::new(settings.lease, clock),
        }
    }

    /// Returns a user, from the cache where it is valid. If many requests miss the same user at once,
    /// one of them loads it.
    pub async fn get<F>(
        &self,
        database: &Database,
        user_id: Id,
        load: impl Fn() -> F,
    ) -> Result<Option<Arc<CachedUser>>, Error>
    where
        F: Future<Output = Result<Option<CachedUser>, Error>>,
    {
        let fresh = async || {
            let version = self.version(user_id);
            let loaded = load().await?.map(|mut user| {
                user.version = version;
                Arc::new(user)
            });
            Ok::<_, Error>((version, loaded))
        };
        let Some(users) = &self.users else {
            return Ok(fresh().await?.1);
        };
        for _ in 0..ATTEMPTS {
            if !self.is_up_to_date(database).await? {
                break;
            }
            match users.get_value_or_guard_async(&user_id).await {
                Ok(cached) if self.is_current(user_id, &cached) => return Ok(Some(cached)),
                Ok(stale) => {
                    users.remove_if(&user_id, |present| Arc::ptr_eq(present, &stale));
                }
                // If this request is dropped while it holds the guard, the next one in line loads.
                Err(guard) => {
                    if self.is_absent(user_id, user_id) {
                        return Ok(None);
                    }
                    let (version, loaded) = fresh().await?;
                    let Some(loaded) = loaded else {
                        self.absent.insert(user_id, version);
                        return Ok(None);
                    };
                    if self.is_current(user_id, &loaded) {
                        // Fails only if the entry was removed in the meantime, which is fine.
                        let _ = guard.insert(loaded.clone());
                    }
                    // It was read after this request began, so this request may use it in any case.
                    return Ok(Some(loaded));
                }
            }
        }
        Ok(fresh().await?.1)
    }

    /// Whether a session of this user is known to have ended.
    pub fn has_ended(&self, user: &CachedUser, session_id: Id) -> bool {
        self.users.is_some() && self.is_absent(user.user.id, session_id)
    }

    /// Remembers that a session of this user was not found after the user was loaded.
    pub fn add_ended(&self, user: &CachedUser, session_id: Id) {
        self.absent.insert(session_id, user.version);
    }

    /// Whether a user or one of its sessions is known not to exist.
    fn is_absent(&self, user_id: Id, id: Id) -> bool {
        let version = self.absent.get(&id);
        version.is_some_and(|version| version == self.version(user_id))
    }

    /// Whether all changes up to now have been applied. Applies those of a SQLite file.
    async fn is_up_to_date(&self, database: &Database) -> Result<bool, Error> {
        match database {
            Database::Postgres { .. } => Ok(self.lease.is_valid()),
            Database::Sqlite { file, .. } if file.is_unchanged() => Ok(true),
            Database::Sqlite { file, read, .. } => {
                let apply = |changes| match changes {
                    Changes::Of(users) => users.into_iter().for_each(|id| self.invalidate(id)),
                    Changes::All => self.invalidate_all(),
                };
                file.catch_up(read, apply).await
            }
        }
    }

    /// The number of cached users.
    pub fn len(&self) -> usize {
        self.users.as_ref().map_or(0, Cache::len)
    }

    /// Whether requests are authorized from the cache, as far as can be told without a query.
    pub fn is_in_use(&self, database: &Database) -> bool {
        self.users.is_some()
            && match database {
                Database::Postgres { .. } => self.lease.is_valid(),
                Database::Sqlite { file, .. } => file.is_watched(),
            }
    }

    /// Invalidates what was loaded of this user before.
    pub fn invalidate(&self, user_id: Id) {
        self.generation(user_id).fetch_add(1, Ordering::SeqCst);
    }

    /// Invalidates everything: any user may have changed.
    pub fn invalidate_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
        if let Some(users) = &self.users {
            users.clear();
        }
        self.absent.clear();
        self.service_keys.clear();
    }

    fn is_current(&self, user_id: Id, cached: &CachedUser) -> bool {
        cached.version == self.version(user_id)
    }

    fn version(&self, user_id: Id) -> Version {
        Version {
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
    use std::sync::atomic::AtomicUsize;

    use sqlx::Connection;
    use tempfile::TempDir;
    use tokio::sync::Notify;

    use super::*;
    use crate::{
        clock::SystemClock,
        store::{database_settings::DatabaseSettings, database_url::DatabaseUrl},
    };

    const LEASE: Duration = Duration::from_secs(60);

    struct TestEnv {
        cache: Arc<UserCache>,
        database: Database,
        folder: TempDir,
        loads: Arc<AtomicUsize>,
    }

    /// The user that all tests are about.
    fn ada() -> Id {
        Id::from_random([1; 16])
    }

    fn found(email: &str) -> Result<Option<CachedUser>, Error> {
        Ok(Some(CachedUser::for_test(ada(), email)))
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
                cache: Arc::new(UserCache::new(settings, Arc::new(SystemClock))),
                database,
                folder,
                loads: Arc::default(),
            }
        }

        /// The user's email address as the cache returns it, if this one is in the database.
        async fn get(&self, in_database: &str) -> String {
            let load = || async {
                self.loads.fetch_add(1, Ordering::SeqCst);
                found(in_database)
            };
            let cached = self.cache.get(&self.database, ada(), load).await.unwrap();
            cached.unwrap().user.email.to_string()
        }

        fn loads(&self) -> usize {
            self.loads.load(Ordering::SeqCst)
        }
    }

    /// The email address and the keys are the only other allocations of a user without a name, roles and
    /// metadata.
    #[test]
    fn a_user_takes_little_memory() {
        let counts_of_the_arc = 2 * size_of::<usize>();
        assert_eq!(counts_of_the_arc + size_of::<CachedUser>(), 240);
    }

    #[tokio::test]
    async fn a_cached_user_is_not_loaded_again() {
        let env = TestEnv::new().await;
        assert_eq!(env.get("old").await, "old");
        assert_eq!(env.get("new").await, "old");
        assert_eq!(env.loads(), 1);
        env.cache.invalidate(ada());
        assert_eq!(env.get("new").await, "new");
        env.cache.invalidate_all();
        assert_eq!(env.get("newer").await, "newer");
        assert_eq!(env.loads(), 3);
    }

    #[tokio::test]
    async fn a_user_that_does_not_exist_is_looked_up_once() {
        let env = TestEnv::new().await;
        let exists = async |in_database: bool| {
            let load = || async {
                env.loads.fetch_add(1, Ordering::SeqCst);
                Ok(in_database.then(|| CachedUser::for_test(ada(), "ada")))
            };
            let cached = env.cache.get(&env.database, ada(), load).await;
            cached.unwrap().is_some()
        };
        for _ in 0..10 {
            assert!(!exists(false).await);
        }
        assert_eq!(env.loads(), 1);
        // A backup was restored.
        for (loads, restore) in [
            (|cache: &UserCache| cache.invalidate(ada())) as fn(&UserCache),
            UserCache::invalidate_all,
        ]
        .into_iter()
        .enumerate()
        {
            restore(&env.cache);
            assert!(exists(true).await);
            env.cache.invalidate(ada());
            for _ in 0..10 {
                assert!(!exists(false).await);
            }
            assert_eq!(env.loads(), 3 + 2 * loads);
        }
    }

    #[tokio::test]
    async fn a_session_that_has_ended_is_looked_up_once() {
        let env = TestEnv::new().await;
        let load = || async { found("ada") };
        let user = async || {
            let cached = env.cache.get(&env.database, ada(), load).await;
            cached.unwrap().unwrap()
        };
        let (ended, other) = (Id::from_random([2; 16]), Id::from_random([3; 16]));
        env.cache.add_ended(&*user().await, ended);
        assert!(env.cache.has_ended(&*user().await, ended));
        assert!(!env.cache.has_ended(&*user().await, other));
        env.cache.invalidate(ada());
        assert!(!env.cache.has_ended(&*user().await, ended));
        env.cache.add_ended(&*user().await, ended);
        assert!(env.cache.has_ended(&*user().await, ended));
        env.cache.invalidate_all();
        assert!(!env.cache.has_ended(&*user().await, ended));
    }

    #[tokio::test]
    async fn of_many_concurrent_misses_one_loads() {
        let env = Arc::new(TestEnv::new().await);
        // The first look at the file invalidates everything.
        env.get("ada").await;
        env.cache.invalidate(ada());
        let misses: Vec<_> = (0..100)
            .map(|_| {
                let env = env.clone();
                tokio::spawn(async move {
                    let load = || async {
                        env.loads.fetch_add(1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                        found("ada")
                    };
                    let cached = env.cache.get(&env.database, ada(), load).await;
                    assert!(cached.unwrap().is_some());
                })
            })
            .collect();
        for miss in misses {
            miss.await.unwrap();
        }
        assert_eq!(env.loads(), 2);
    }

    /// A change during a load: the load may have read the state before it.
    #[tokio::test]
    async fn a_load_with_a_concurrent_change_is_not_cached() {
        for change in [
            (|cache: &UserCache| cache.invalidate(ada())) as fn(&UserCache),
            UserCache::invalidate_all,
        ] {
            let env = Arc::new(TestEnv::new().await);
            env.get("old").await;
            env.cache.invalidate(ada());
            let (loading, proceed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
            let slow = {
                let (env, loading, proceed) = (env.clone(), loading.clone(), proceed.clone());
                tokio::spawn(async move {
                    let load = || async {
                        loading.notify_one();
                        proceed.notified().await;
                        found("old")
                    };
                    env.cache.get(&env.database, ada(), load).await.map(drop)
                })
            };
            loading.notified().await;
            change(&env.cache);
            proceed.notify_one();
            slow.await.unwrap().unwrap();
            assert_eq!(env.get("new").await, "new");
            assert_eq!(env.get("newer").await, "new");
        }
    }

    #[tokio::test]
    async fn changes_by_another_process_to_the_file_apply_immediately() {
        let env = TestEnv::new().await;
        let file = env.folder.path().join("latchkey.db");
        let url = format!("sqlite://{}", file.display());
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        assert_eq!(env.get("old").await, "old");
        // A change to another user invalidates nothing of this one.
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(Id::from_random([2; 16]))
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(env.get("new").await, "old");
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(ada())
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(env.get("new").await, "new");
        // The first changes have been removed from the table, because there were too many.
        sqlx::query("UPDATE sqlite_sequence SET seq = seq + 20000 WHERE name = 'user_changes'")
            .execute(&mut other)
            .await
            .unwrap();
        sqlx::query("INSERT INTO user_changes (user_id) VALUES ($1)")
            .bind(Id::from_random([3; 16]))
            .execute(&mut other)
            .await
            .unwrap();
        assert_eq!(env.get("newest").await, "newest");
    }
}
