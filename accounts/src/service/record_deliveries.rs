//! Records what became of emails.

use std::{sync::Arc, time::Duration};

use super::accounts::Accounts;
use crate::{
    clock::Timestamp,
    error::Error,
    id::Id,
    metrics::DeliveryResult,
    store::{
        audit_events::{self, Event},
        outbox::{self, DeliveryOutcome, LeasedEmail},
        transaction::Transaction,
    },
};

/// The maximum number of expired emails that are removed in one transaction.
const EXPIRED: u32 = 256;

/// An attempt to deliver an email.
pub(crate) struct Delivery {
    pub email: Arc<LeasedEmail>,
    pub outcome: DeliveryOutcome,
    /// How long the attempt has taken.
    pub took: Duration,
}

impl Delivery {
    /// Returns what became of the email; `None` if it was not tried.
    fn result(&self, now: Timestamp) -> Option<DeliveryResult> {
        Some(match self.outcome {
            DeliveryOutcome::NotTried => return None,
            DeliveryOutcome::Sent => DeliveryResult::Sent,
            DeliveryOutcome::PermanentFailure => DeliveryResult::Refused,
            DeliveryOutcome::TemporaryFailure => {
                if now < self.email.created_at.plus(outbox::LIFE) {
                    return Some(DeliveryResult::Postponed);
                }
                tracing::error!(email_id = %self.email.id, attempts = self.email.attempts + 1,
                    "dropped an email that could not be sent for 24 hours");
                DeliveryResult::Expired
            }
        })
    }
}

impl Accounts {
    /// Records the outcomes of deliveries in one transaction. An email whose lease has ended in the
    /// meantime is left to its new holder.
    pub(crate) async fn record_deliveries(
        &self,
        worker: Id,
        deliveries: &[Delivery],
    ) -> Result<(), Error> {
        let now = self.now();
        let mut transaction = self.0.database.begin().await?;
        let mut results = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let (email, result) = (&*delivery.email, delivery.result(now));
            match result {
                None => outbox::give_back(&mut transaction, worker, email).await?,
                Some(DeliveryResult::Postponed) => {
                    outbox::postpone(&mut transaction, worker, email, delivery.took, now).await?;
                }
                Some(DeliveryResult::Sent) => {
                    outbox::remove(&mut transaction, worker, email).await?;
                }
                Some(DeliveryResult::Refused | DeliveryResult::Expired) => {
                    if outbox::remove(&mut transaction, worker, email).await? {
                        self.undeliverable(&mut transaction, email.user_id).await?;
                    }
                }
            }
            results.extend(result);
        }
        transaction.commit().await?;
        for result in results {
            self.metrics().deliveries(result, 1);
        }
        Ok(())
    }

    /// Removes emails that have waited for 24 hours for a mail server that takes none.
    pub(crate) async fn remove_expired_emails(&self) -> Result<(), Error> {
        let mut transaction = self.0.database.begin().await?;
        let users = outbox::remove_expired(&mut transaction, self.now(), EXPIRED).await?;
        for user_id in &users {
            self.undeliverable(&mut transaction, *user_id).await?;
        }
        transaction.commit().await?;
        if !users.is_empty() {
            let emails = users.len();
            tracing::error!(emails, "dropped emails that could not be sent for 24 hours");
            self.metrics().deliveries(DeliveryResult::Expired, emails);
        }
        Ok(())
    }

    /// Records that an email could not be delivered. One for a registration that waits has no user.
    async fn undeliverable(
        &self,
        transaction: &mut Transaction,
        user_id: Option<Id>,
    ) -> Result<(), Error> {
        let Some(user_id) = user_id else {
            return Ok(());
        };
        let event = self.event_without_device(Event::EmailUndeliverable, user_id);
        audit_events::record(transaction, &event).await
    }
}
