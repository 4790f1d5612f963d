//! Delivers events to webhooks: one attempt, and what follows from it.

use std::time::Duration;

use super::accounts::Accounts;
use crate::{
    clock::Timestamp,
    crypto::{encryption::Purpose, webhook_secret::WebhookSecret},
    email::template::EmailTemplate,
    error::Error,
    id::Id,
    metrics::WebhookResult,
    store::{
        outbox::NewEmail,
        webhook_deliveries::{
            self, Attempted, BACKLOG_LIMIT, DueWebhook, LONGEST_PAUSE, LeasedDelivery, NextStep,
        },
        webhooks::{self, DisabledReason},
    },
    webhooks::{
        client::{Client, Message},
        failure, message,
        target::Target,
    },
};

/// The pauses after the first failures; later ones are [`LONGEST_PAUSE`].
const PAUSES: [Duration; 5] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 60 * 60),
];

/// How long delivery is attempted: the last attempt comes this long after the first.
const LIFE: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// 410 Gone: the receiver wants no more.
const GONE: u16 = 410;

/// The result of a request.
struct Response {
    status: Option<u16>,
    error: Option<String>,
}

impl Response {
    fn failure(error: impl ToString) -> Self {
        Self {
            status: None,
            error: Some(error.to_string()),
        }
    }
}

impl Accounts {
    /// Attempts a delivery, and records what becomes of it.
    ///
    /// # Errors
    /// When the database fails. Then the delivery is attempted again when its lease has ended.
    pub(crate) async fn attempt_delivery(
        &self,
        client: &Client,
        worker: Id,
        webhook: &DueWebhook,
        delivery: &LeasedDelivery,
    ) -> Result<(), Error> {
        let response = self.send_event(client, webhook, delivery).await;
        let now = self.now();
        let next = next_step(delivery, response.status, now);
        let attempted = Attempted {
            delivery,
            worker,
            next,
            response_status: response.status,
            error: response.error.as_deref(),
            now,
        };
        let notice = |user_id, email: &str, url: &str| {
            let NextStep::Disable(reason) = next else {
                return Err(Error::internal(
                    "notice about a webhook",
                    "it is not disabled",
                ));
            };
            self.webhook_notice(user_id, email, url, reason)
        };
        let is_disabled = attempted.record(&self.0.database, &notice).await?;
        self.log_attempt(webhook, &attempted);
        if is_disabled {
            self.notify_email_worker();
        }
        Ok(())
    }

    async fn send_event(
        &self,
        client: &Client,
        webhook: &DueWebhook,
        delivery: &LeasedDelivery,
    ) -> Response {
        let masters = &self.0.master_secrets;
        let secret = masters.decrypt(Purpose::WebhookSecret, webhook.id, &webhook.secret);
        let Some(secret) = secret.map(WebhookSecret::from_bytes) else {
            return Response::failure(failure::UNDECRYPTABLE);
        };
        let target = match Target::parse(&webhook.url, self.0.webhook_allow_private) {
            Ok(target) => target,
            Err(message) => return Response::failure(message),
        };
        let (id, body) = (delivery.id.to_string(), message::body(delivery));
        let timestamp = self.now().unix_seconds();
        let message = Message {
            signature: secret.sign(&id, timestamp, &body),
            id,
            timestamp,
            body,
        };
        match client.send(&target, message).await {
            Ok(status @ 200..=299) => Response {
                status: Some(status),
                error: None,
            },
            Ok(status) => Response {
                status: Some(status),
                error: Some(failure::status_reason(status)),
            },
            Err(error) => Response::failure(error),
        }
    }

    fn log_attempt(&self, webhook: &DueWebhook, attempted: &Attempted<'_>) {
        let Attempted {
            delivery,
            response_status: status,
            error,
            ..
        } = attempted;
        let (webhook_id, delivery_id) = (webhook.id, delivery.id);
        // Without path and query, which may contain a secret.
        let target = Target::parse(&webhook.url, true);
        let result = match attempted.next {
            NextStep::Done => WebhookResult::Delivered,
            NextStep::RetryAt(_) => {
                tracing::warn!(%webhook_id, %delivery_id, ?target, attempts = delivery.attempts, ?status,
                    error, "can't deliver to a webhook yet");
                WebhookResult::Postponed
            }
            NextStep::Disable(reason) => {
                tracing::error!(%webhook_id, %delivery_id, ?target, attempts = delivery.attempts, ?status,
                    error, reason = reason.as_str(), "disabled a webhook");
                WebhookResult::Failed
            }
        };
        self.metrics().webhook_delivery(result);
    }

    /// Disables webhooks that too many deliveries wait for, and cancels what waits for disabled ones.
    ///
    /// # Errors
    /// When the database fails.
    pub(crate) async fn limit_webhook_backlogs(&self) -> Result<(), Error> {
        let (database, now) = (&self.0.database, self.now());
        let reason = DisabledReason::Backlog;
        let notice =
            |user_id, email: &str, url: &str| self.webhook_notice(user_id, email, url, reason);
        for id in webhook_deliveries::overflowing(database, BACKLOG_LIMIT).await? {
            let mut transaction = database.begin().await?;
            let disabled = webhooks::disable(&mut transaction, id, reason, now, &notice).await?;
            transaction.commit().await?;
            if disabled {
                tracing::error!(webhook_id = %id, reason = reason.as_str(), "disabled a webhook");
                self.notify_email_worker();
            }
        }
        webhook_deliveries::cancel_abandoned(database, now).await
    }

    /// Tells an administrator that a webhook was disabled.
    fn webhook_notice(
        &self,
        user_id: Id,
        email: &str,
        url: &str,
        reason: DisabledReason,
    ) -> Result<NewEmail, Error> {
        let target = Target::parse(url, true);
        let template = EmailTemplate::WebhookDisabled {
            host: target.map_or_else(|_| String::new(), |target| target.authority().to_owned()),
            reason: reason.as_str().to_owned(),
        };
        self.new_email(user_id, email, template, None, self.now())
    }
}

/// Decides what becomes of a delivery after a response with this status, or none.
fn next_step(delivery: &LeasedDelivery, status: Option<u16>, now: Timestamp) -> NextStep {
    match status {
        Some(200..=299) => return NextStep::Done,
        Some(GONE) => return NextStep::Disable(DisabledReason::Gone),
        _ => {}
    }
    let failures = usize::try_from(delivery.attempts).unwrap_or_default();
    let pause = PAUSES.get(failures.saturating_sub(1));
    let last = delivery.first_attempt_at.plus(LIFE);
    if now >= last {
        return NextStep::Disable(DisabledReason::Failing);
    }
    let next = now.plus(pause.copied().unwrap_or(LONGEST_PAUSE));
    NextStep::RetryAt(next.min(last))
}
