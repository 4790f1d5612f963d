//! What has happened to an account.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{Accounts, Authorized, Identified};
use crate::{
    AuditEvent, Device, Error, Id,
    store::audit_events::{self, Event, NewEvent},
};

/// How much of it its user sees.
const ACTIVITY_LIMIT: u32 = 50;

/// How long failed sign-ins are gathered before they are written down together.
const GATHERING: Duration = Duration::from_millis(200);

/// Failed sign-ins that wait to be written down, in the order in which every server writes them:
/// so two that write at the same time never wait each for the other.
#[derive(Default)]
pub(super) struct FailedSignIns(Mutex<BTreeMap<[u8; 16], NewEvent>>);

impl FailedSignIns {
    /// Adds one; whether it is the first.
    fn add(&self, failed: NewEvent) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = waiting.is_empty();
        let count = waiting
            .get(failed.user_id.as_bytes())
            .map_or(0, |earlier| earlier.count);
        let failed = NewEvent {
            count: failed.count + count,
            ..failed
        };
        waiting.insert(*failed.user_id.as_bytes(), failed);
        is_first
    }

    fn take(&self) -> BTreeMap<[u8; 16], NewEvent> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Accounts {
    /// What has happened to the caller's account last, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn activity(&self, caller: &Authorized) -> Result<Vec<AuditEvent>, Error> {
        AuditEvent::list(&self.0.database, caller.user().id, ACTIVITY_LIMIT).await
    }

    /// What has happened to a user's account last, newest first: for operators.
    ///
    /// # Errors
    /// `NotFound`; a field error for what is no address.
    pub async fn audit(&self, email: Option<&str>, limit: u32) -> Result<Vec<AuditEvent>, Error> {
        let user = self.user_by_email(email).await?;
        AuditEvent::list(&self.0.database, user.id, limit).await
    }

    /// Something that happens now, from a device.
    pub(super) fn event(&self, event: Event, user_id: Id, device: &Device) -> NewEvent {
        NewEvent {
            ip: device.ip.to_string(),
            user_agent: device.user_agent.clone(),
            ..self.event_without_device(event, user_id)
        }
    }

    /// Something that a caller does now.
    pub(super) fn event_by(&self, event: Event, caller: &Identified) -> NewEvent {
        NewEvent {
            session_id: Some(caller.session_id),
            ..self.event(event, caller.user().id, &caller.device)
        }
    }

    /// Something that happens now on no device, as what an operator does.
    pub(super) fn event_without_device(&self, event: Event, user_id: Id) -> NewEvent {
        NewEvent {
            id: self.random().id(),
            user_id,
            at: self.now(),
            event,
            ip: String::new(),
            user_agent: String::new(),
            session_id: None,
            count: 1,
        }
    }

    /// Has a failed sign-in written down after its answer: one for an address that is nobody's
    /// writes nothing, and must not be the faster for it.
    pub(super) fn sign_in_failed(&self, user_id: Id, device: &Device) {
        let failed = self.event(Event::SignInFailed, user_id, device);
        if self.0.failed_sign_ins.add(failed) {
            let accounts = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHERING).await;
                accounts.write_failed_sign_ins().await;
            });
        }
    }

    /// Writes down the failed sign-ins that wait for it. To be called before the program ends.
    pub async fn write_failed_sign_ins(&self) {
        let failed = self.0.failed_sign_ins.take();
        if let Err(error) = self.try_write(failed.values()).await {
            tracing::warn!(%error, users = failed.len(), "failed sign-ins could not be written down");
        }
    }

    async fn try_write(
        &self,
        events: impl ExactSizeIterator<Item = &NewEvent>,
    ) -> Result<(), Error> {
        if events.len() == 0 {
            return Ok(());
        }
        let mut transaction = self.0.database.begin().await?;
        for event in events {
            audit_events::record(&mut transaction, event).await?;
        }
        transaction.commit().await
    }
}
