//! The audit log: what happened to an account.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use super::{
    accounts::Accounts,
    administrator::Administrator,
    caller::{Authorized, Caller},
    fields::existing_email_address,
};
use crate::{
    device::Device,
    error::Error,
    id::Id,
    request_id::request_id,
    store::{
        administrators::ChangedBy,
        audit_events::{self, Event, NewEvent},
        audit_log::AuditEvent,
        users::User,
    },
};

/// How many events a user sees.
const ACTIVITY_LIMIT: u32 = 50;

/// How long failed sign-ins are collected before they are written together.
const COLLECTION_TIME: Duration = Duration::from_millis(200);

/// How many of them are written in one transaction, which others may have to wait for.
const BATCH: usize = 32;

impl Accounts {
    /// Returns the latest events of the caller's account, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn activity(&self, caller: &Authorized) -> Result<Vec<AuditEvent>, Error> {
        AuditEvent::list(&self.0.database, caller.user().id, ACTIVITY_LIMIT).await
    }

    /// Returns the latest events of the account with an email address, newest first, and when, by
    /// whom and from where accounts with this address were deleted, for operators.
    ///
    /// # Errors
    /// `NotFound`; a field error for an invalid email address.
    pub async fn audit(&self, email: Option<&str>, limit: u32) -> Result<Vec<AuditEvent>, Error> {
        let database = &self.0.database;
        let email = existing_email_address("email", email)?;
        let spellings = BTreeSet::from(email.keys());
        let mut events = Vec::new();
        for key in spellings
            .iter()
            .flat_map(|email| self.deleted_account_keys(email))
        {
            events.extend(AuditEvent::list_deletions(database, &key, limit).await?);
        }
        match User::find_by_email(database, &email).await? {
            Some(user) => {
                events.extend(AuditEvent::list_in_full(database, user.id, limit).await?);
            }
            None if events.is_empty() => return Err(Error::NotFound),
            None => {}
        }
        events.sort_by_key(|event| Reverse(event.at));
        events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(events)
    }

    /// Creates an event that happens now on a device.
    pub(super) fn event(&self, event: Event, user_id: Id, device: &Device) -> NewEvent {
        NewEvent {
            ip: device.ip.to_string(),
            user_agent: device.user_agent.clone(),
            ..self.event_without_device(event, user_id)
        }
    }

    /// Creates an event that the caller causes now.
    pub(super) fn event_by(&self, event: Event, caller: &Caller) -> NewEvent {
        NewEvent {
            session_id: Some(caller.session_id),
            ..self.event(event, caller.user().id, &caller.device)
        }
    }

    /// Who makes a change, with an event in the history of the administrator's own account.
    pub(super) fn changed_by(&self, administrator: &Administrator, event: Event) -> ChangedBy {
        ChangedBy {
            guard: administrator.guard(),
            event: administrator
                .user()
                .map(|caller| self.event_by(event, caller)),
        }
    }

    /// Creates an event that happens now on no device, for example one that an operator causes.
    pub(super) fn event_without_device(&self, event: Event, user_id: Id) -> NewEvent {
        NewEvent {
            id: self.random().id(),
            user_id,
            at: self.now(),
            event,
            ip: String::new(),
            user_agent: String::new(),
            request_id: request_id(),
            session_id: None,
            count: 1,
            first: None,
            actor: None,
            provider: None,
        }
    }

    /// Records a failed sign-in after its response was sent. For an email address without an account
    /// there is nothing to write, and that response must not be faster.
    pub(super) fn sign_in_failed(&self, user_id: Id, device: &Device) {
        self.record_later(self.event(Event::SignInFailed, user_id, device));
    }

    /// The same for a wrong code.
    pub(super) fn sign_in_code_failed(&self, user_id: Id, device: &Device) {
        self.record_later(self.event(Event::SignInCodeFailed, user_id, device));
    }

    fn record_later(&self, failed: NewEvent) {
        if self.0.failed_sign_ins.add(failed) {
            let accounts = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(COLLECTION_TIME).await;
                accounts.write_failed_sign_ins().await;
            });
        }
    }

    /// Writes the failed sign-ins that are still waiting to be recorded.
    pub async fn write_failed_sign_ins(&self) {
        let failed = self.0.failed_sign_ins.take();
        if let Err(error) = self.write_events(&failed).await {
            tracing::warn!(%error, users = failed.len(), "can't record failed sign-ins");
        }
    }

    async fn write_events(&self, events: &[NewEvent]) -> Result<(), Error> {
        for batch in events.chunks(BATCH) {
            let _turn = self.0.attempt_writers.turn().await?;
            let mut transaction = self.0.database.begin().await?;
            for event in batch {
                audit_events::record(&mut transaction, event).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }
}
