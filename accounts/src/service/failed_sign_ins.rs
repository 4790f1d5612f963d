//! Failed sign-ins that wait to be written to the audit log together.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::store::audit_events::NewEvent;

/// One event of each kind per user, ordered by user id. Every server writes them in this order, so two servers
/// that write at the same time can't deadlock.
#[derive(Default)]
pub(crate) struct FailedSignIns(Mutex<BTreeMap<([u8; 16], &'static str), NewEvent>>);

impl FailedSignIns {
    /// Adds an event. Returns whether the queue was empty before.
    pub fn add(&self, failed: NewEvent) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (*failed.user_id.as_bytes(), failed.event.as_str());
        let is_first = waiting.is_empty();
        let failed = match waiting.get(&key) {
            None => failed,
            Some(earlier) => NewEvent {
                count: failed.count + earlier.count,
                first: Some(earlier.first_source()),
                ..failed
            },
        };
        waiting.insert(key, failed);
        is_first
    }

    /// Removes and returns all events, in the order in which they must be written.
    pub fn take(&self) -> Vec<NewEvent> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *waiting).into_values().collect()
    }
}
