//! Service keys in the cache. An entry is used under the conditions that hold for users: triggers
//! announce changes of a key in the same way, under its id.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use quick_cache::sync::Cache;

use super::{UserCache, cached_user::Version};
use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    store::{database::Database, service_keys::ServiceKey},
};

/// How many service keys are cached: as many as there can be.
pub(super) const LIMIT: usize = 1000;

/// How much time passes at least before a server writes down again that a key is in use.
const USE_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// A service key as it is cached.
#[derive(Debug)]
pub(crate) struct CachedServiceKey {
    pub key: ServiceKey,
    /// When its use was last written down, in seconds since 1970; [`i64::MIN`] if never.
    used_at: AtomicI64,
    version: Version,
}

/// The cached keys by id.
pub(super) type ServiceKeys = Cache<Id, Arc<CachedServiceKey>>;

impl UserCache {
    /// Returns a service key, from the cache where it is valid. That a key does not exist is not
    /// remembered: ids that clients make up are all different.
    pub async fn service_key<F>(
        &self,
        database: &Database,
        id: Id,
        load: impl FnOnce() -> F,
    ) -> Result<Option<Arc<CachedServiceKey>>, Error>
    where
        F: Future<Output = Result<Option<ServiceKey>, Error>>,
    {
        let is_valid = self.users.is_some() && self.is_up_to_date(database).await?;
        if is_valid
            && let Some(cached) = self.service_keys.get(&id)
            && cached.version == self.version(id)
        {
            return Ok(Some(cached));
        }
        // Read before the query: an entry that a change may have overtaken is not used.
        let version = self.version(id);
        let loaded = load().await?;
        let cached = loaded.map(|key| Arc::new(CachedServiceKey::new(key, version)));
        match &cached {
            Some(cached) if is_valid => self.service_keys.insert(id, cached.clone()),
            _ => drop(self.service_keys.remove(&id)),
        }
        Ok(cached)
    }
}

impl CachedServiceKey {
    fn new(key: ServiceKey, version: Version) -> Self {
        let used_at = key.last_used_at.map_or(i64::MIN, Timestamp::unix_seconds);
        Self {
            key,
            used_at: AtomicI64::new(used_at),
            version,
        }
    }

    /// Whether it is time to write down that the key is in use. Of concurrent requests, one is told so.
    pub fn take_use(&self, now: Timestamp) -> bool {
        let last = self.used_at.load(Ordering::Relaxed);
        let is_due = last <= now.minus(USE_INTERVAL).unix_seconds()
            // The clock was set back.
            || last > now.plus(USE_INTERVAL).unix_seconds();
        let replace = |now| {
            let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
            self.used_at.compare_exchange(last, now, success, failure)
        };
        is_due && replace(now.unix_seconds()).is_ok()
    }
}
