//! The task that delivers events to webhooks.
//!
//! The servers of an installation share the work by leases on the rows. Each webhook has lanes of its own, so
//! a receiver that hangs delays nobody else.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{self, JoinError, JoinSet},
    time::{self, Instant},
};

use crate::{
    backoff::backoff,
    error::Error,
    id::Id,
    service::Accounts,
    store::webhook_deliveries::{self, DueWebhook},
    webhooks::client::Client,
};

/// The number of deliveries to one webhook that are attempted concurrently by a server. With all webhooks that
/// can exist, it makes 256 attempts at the same time.
const LANES: usize = 8;

/// How often the table is checked for events: they are written by triggers, which can't notify the worker.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// How often limits, and waits that are too long, are checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The first and the longest pause while the database is unavailable.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long attempts may take after the worker is told to stop. One whose response is outstanding then is
/// repeated after the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// Delivers events to webhooks.
pub struct WebhookWorker {
    accounts: Accounts,
    client: Client,
    /// Identifies its leases.
    id: Id,
    attempts: JoinSet<()>,
    /// The webhooks of these attempts.
    webhooks: HashMap<task::Id, Id>,
    next_poll: Instant,
    next_check: Instant,
}

impl WebhookWorker {
    /// Creates a worker for the webhooks of these accounts.
    #[must_use]
    pub fn new(accounts: Accounts) -> Self {
        let now = Instant::now();
        Self {
            client: Client::new(accounts.webhook_allow_private()),
            id: accounts.random().id(),
            accounts,
            attempts: JoinSet::new(),
            webhooks: HashMap::new(),
            next_poll: now,
            next_check: now,
        }
    }

    /// Delivers events until `stop` completes, and finishes what it is delivering then, within 20 seconds.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let work = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match self.round().await {
                    Ok(()) => {
                        pause = FIRST_PAUSE;
                        self.wait().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "can't read the events for webhooks");
                        time::sleep(pause).await;
                        pause = backoff(pause, LONGEST_PAUSE, 1);
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = stop => {}
        }
        // What is not done by then is attempted again when its lease has ended.
        let done = async { while self.attempts.join_next().await.is_some() {} };
        let _ = time::timeout(STOP_TIMEOUT, done).await;
    }

    /// Delivers everything that is due now, and returns when nothing is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deliver_due(&mut self) -> Result<(), Error> {
        loop {
            self.round().await?;
            let Some(done) = self.attempts.join_next_with_id().await else {
                return Ok(());
            };
            self.ended(&done);
        }
    }

    /// Begins all attempts that are due, without waiting for a receiver.
    async fn round(&mut self) -> Result<(), Error> {
        let (database, now) = (self.accounts.database(), self.accounts.now());
        if Instant::now() >= self.next_check {
            webhook_deliveries::end_impossible_waits(database, now).await?;
            self.accounts.limit_webhook_backlogs().await?;
            self.next_check = Instant::now() + CHECK_INTERVAL;
        }
        for webhook in webhook_deliveries::due(database, now).await? {
            self.attempt_due(Arc::new(webhook)).await?;
        }
        Ok(())
    }

    async fn attempt_due(&mut self, webhook: Arc<DueWebhook>) -> Result<(), Error> {
        let running = self.webhooks.values().filter(|id| **id == webhook.id);
        let room = LANES.saturating_sub(running.count());
        if room == 0 {
            return Ok(());
        }
        let (database, now) = (self.accounts.database(), self.accounts.now());
        let leased = webhook_deliveries::lease(database, self.id, webhook.id, now, room).await?;
        for delivery in leased {
            let (accounts, client) = (self.accounts.clone(), self.client.clone());
            let (worker, target) = (self.id, webhook.clone());
            let attempt = self.attempts.spawn(async move {
                let attempt = accounts.attempt_delivery(&client, worker, &target, &delivery);
                if let Err(error) = attempt.await {
                    tracing::warn!(%error, delivery_id = %delivery.id,
                        "can't record a delivery to a webhook; it will be repeated");
                }
            });
            self.webhooks.insert(attempt.id(), webhook.id);
        }
        Ok(())
    }

    /// Waits until an attempt has ended, which makes room for another, or there may be new events.
    async fn wait(&mut self) {
        tokio::select! {
            Some(done) = self.attempts.join_next_with_id() => self.ended(&done),
            () = time::sleep_until(self.next_poll) => {}
        }
        while let Some(done) = self.attempts.try_join_next_with_id() {
            self.ended(&done);
        }
        if Instant::now() >= self.next_poll {
            self.next_poll = Instant::now() + POLL_INTERVAL;
        }
    }

    fn ended(&mut self, done: &Result<(task::Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => *id,
            Err(error) => {
                tracing::error!(%error, "a delivery to a webhook failed");
                error.id()
            }
        };
        self.webhooks.remove(&id);
    }
}
