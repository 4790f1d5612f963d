//! The task that sends the emails in the outbox.
//!
//! A connection comes first: an email is leased when there is a connection to send it over. So a mail
//! server that takes nothing leaves the outbox as it is. A delivery that takes longer than
//! [`SLOW_AFTER`] no longer counts against [`LANES`], so others begin beside it.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    task::{self, JoinError, JoinSet},
    time::{self, Instant},
};

use super::{email_sender::EmailSender, server_trouble::ServerTrouble};
use crate::{
    backoff::backoff,
    email::{
        design::EmailDesign,
        send_error::{SendError, ServerError},
        sender::EmailFrom,
        transport::{Connection, EmailTransport},
    },
    error::Error,
    id::Id,
    service::{Accounts, Delivery},
    store::{
        database::Database,
        email_requests::EmailRequest,
        outbox::{self, DeliveryOutcome, LeasedEmail},
    },
};

/// The maximum number of email requests that are processed in one round.
const REQUESTS: u32 = 64;

/// The number of emails that are sent concurrently, without those that are slow. Mail servers commonly
/// allow a client 20 to 50 connections.
const LANES: usize = 16;

/// A delivery that takes longer is slow.
const SLOW_AFTER: Duration = Duration::from_secs(1);

/// The maximum number of emails that are sent concurrently, slow ones included.
const MAX_SENDING: usize = 512;

/// Of these, the maximum number of emails that have failed before: those that never succeed leave
/// room for the others.
const MAX_RETRIES: usize = 256;

/// How long an unused connection stays open.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often leases are extended: several times within a lease.
const EXTEND_LEASES: Duration = Duration::from_secs(30);

/// How often the outbox is checked for emails to retry, and for emails from other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The first and the longest pause while the database is unavailable: shorter than a lease.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long emails that are being sent may take after the worker is told to stop. An email whose
/// response is outstanding then is sent again after the next start. Systems that stop containers wait for 10
/// seconds.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);

/// Sends the emails in the outbox.
pub struct EmailWorker(EmailSender);

impl EmailWorker {
    /// Creates a worker for the outbox of these accounts. They look as `design` says.
    #[must_use]
    pub fn new(
        accounts: Accounts,
        transport: EmailTransport,
        from: EmailFrom,
        design: EmailDesign,
    ) -> Self {
        Self(EmailSender {
            accounts,
            transport,
            from,
            design,
        })
    }

    /// Sends emails until `stop` completes, and finishes those that are being sent then, within 20
    /// seconds.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut worker = Worker::new(self.0);
        worker.end_old_leases().await;
        let work = async {
            let mut pause = FIRST_PAUSE;
            loop {
                match worker.round().await {
                    Ok(()) => {
                        pause = FIRST_PAUSE;
                        worker.wait().await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "can't read or update the outbox");
                        time::sleep(pause).await;
                        pause = backoff(pause, LONGEST_PAUSE, 1);
                    }
                }
            }
        };
        // A round may end anywhere: `finish` records what it has not, and gives back its leases.
        tokio::select! {
            () = work => {}
            () = stop => {}
        }
        worker.finish().await;
    }
}

/// The state of a running worker.
struct Worker {
    sender: Arc<EmailSender>,
    /// Identifies its leases.
    id: Id,
    /// Connections that are being opened, and emails that are being sent.
    tasks: JoinSet<Done>,
    /// The emails that are being sent, by their tasks.
    sending: HashMap<task::Id, Sending>,
    /// The number of connections that are being opened.
    opening: usize,
    /// Connections that wait for an email, and since when.
    idle: Vec<(Connection, Instant)>,
    /// What is still to be recorded.
    deliveries: Vec<Delivery>,
    trouble: ServerTrouble,
    /// Whether emails may have expired while the server was in trouble.
    checks_expiry: bool,
    /// Whether there may be email requests to process, and emails that are due.
    has_requests: bool,
    has_due: bool,
    next_poll: Instant,
    next_extension: Instant,
}

struct Sending {
    email: Arc<LeasedEmail>,
    started: Instant,
}

/// What a task has done.
enum Done {
    Opened(Result<Connection, ServerError>),
    Sent(Result<(), SendError>, Option<Connection>),
}

impl Worker {
    fn new(sender: EmailSender) -> Self {
        let now = Instant::now();
        Self {
            id: sender.accounts.random().id(),
            sender: Arc::new(sender),
            tasks: JoinSet::new(),
            sending: HashMap::new(),
            opening: 0,
            idle: Vec::new(),
            deliveries: Vec::new(),
            trouble: ServerTrouble::default(),
            checks_expiry: false,
            has_requests: true,
            has_due: true,
            next_poll: now + POLL_INTERVAL,
            next_extension: now,
        }
    }

    fn accounts(&self) -> &Accounts {
        &self.sender.accounts
    }

    fn database(&self) -> &Database {
        self.accounts().database()
    }

    /// An SQLite file normally has one server, so every lease is left over from an earlier run.
    async fn end_old_leases(&self) {
        if matches!(self.database(), Database::Sqlite { .. })
            && let Err(error) = outbox::end_leases(self.database(), None).await
        {
            tracing::warn!(%error, "can't read the outbox");
        }
    }

    /// Does what there is to do, without waiting for the mail server.
    async fn round(&mut self) -> Result<(), Error> {
        self.extend_leases().await?;
        self.record().await?;
        self.process_requests().await?;
        self.send_due_emails().await?;
        self.open_connections().await?;
        if self.checks_expiry {
            self.accounts().remove_expired_emails().await?;
            self.checks_expiry = false;
        }
        Ok(())
    }

    /// Keeps other servers from the emails that are being sent.
    async fn extend_leases(&mut self) -> Result<(), Error> {
        if Instant::now() < self.next_extension {
            return Ok(());
        }
        let (database, now) = (self.database(), self.accounts().now());
        outbox::end_impossible_waits(database, self.id, now).await?;
        let emails = self.sending.values().map(|sending| sending.email.id);
        let emails: Vec<_> = emails.collect();
        outbox::extend_leases(database, self.id, &emails, now).await?;
        self.next_extension = Instant::now() + EXTEND_LEASES;
        Ok(())
    }

    /// Records what became of emails. If that fails, it is tried again: an email that was sent must
    /// not be sent again.
    async fn record(&mut self) -> Result<(), Error> {
        if !self.deliveries.is_empty() {
            let accounts = self.accounts();
            accounts
                .record_deliveries(self.id, &self.deliveries)
                .await?;
            self.deliveries.clear();
        }
        Ok(())
    }

    /// Turns email requests into emails.
    async fn process_requests(&mut self) -> Result<(), Error> {
        if self.has_requests {
            let requests = EmailRequest::oldest(self.database(), REQUESTS).await?;
            self.accounts().process_email_requests(&requests).await?;
            self.has_requests = requests.len() >= REQUESTS as usize;
            self.has_due |= !requests.is_empty();
        }
        Ok(())
    }

    /// Sends emails that are due over the connections that are idle.
    async fn send_due_emails(&mut self) -> Result<(), Error> {
        self.close_idle_connections();
        let limit = self.room().min(self.idle.len());
        if !self.has_due || limit == 0 {
            return Ok(());
        }
        let (now, retries) = (self.accounts().now(), self.takes_retries());
        let emails = outbox::lease(self.database(), self.id, now, retries, limit).await?;
        self.has_due = emails.len() >= limit;
        for email in emails {
            // Its lease had ended, as the database was unavailable. It has been renewed now.
            let mut sending = self.sending.values();
            if sending.any(|sending| sending.email.id == email.id) {
                continue;
            }
            match self.idle.pop() {
                Some((connection, _)) => self.send(email, connection),
                None => self.note(email.into(), DeliveryOutcome::NotTried, Duration::ZERO),
            }
        }
        Ok(())
    }

    fn send(&mut self, email: LeasedEmail, connection: Connection) {
        let email = Arc::new(email);
        let (sender, leased) = (self.sender.clone(), email.clone());
        let task = self.tasks.spawn(async move {
            let (result, connection) = sender.send(&leased, connection).await;
            Done::Sent(result, connection)
        });
        let started = Instant::now();
        self.sending.insert(task.id(), Sending { email, started });
    }

    /// Opens connections for the emails that are due.
    async fn open_connections(&mut self) -> Result<(), Error> {
        let room = self.room();
        let missing = room.saturating_sub(self.idle.len() + self.opening);
        let allowed = self.trouble.allowed(missing, self.opening);
        if !self.has_due || allowed == 0 {
            return Ok(());
        }
        let (now, retries) = (self.accounts().now(), self.takes_retries());
        let due = outbox::count_due(self.database(), now, retries, room).await?;
        self.has_due = due > 0;
        for _ in 0..allowed.min(due.saturating_sub(self.opening)) {
            let sender = self.sender.clone();
            self.tasks
                .spawn(async move { Done::Opened(sender.transport.connect().await) });
            self.opening += 1;
        }
        Ok(())
    }

    /// Returns how many more emails may be sent now.
    fn room(&self) -> usize {
        let lanes = LANES.saturating_sub(self.quick().count());
        lanes.min(MAX_SENDING.saturating_sub(self.sending.len()))
    }

    /// The emails being sent that are not slow.
    fn quick(&self) -> impl Iterator<Item = &Sending> {
        let sending = self.sending.values();
        sending.filter(|sending| sending.started.elapsed() < SLOW_AFTER)
    }

    /// Whether emails that have failed before may be sent now.
    fn takes_retries(&self) -> bool {
        let sending = self.sending.values();
        let retries = sending.filter(|sending| sending.email.attempts > 0);
        retries.count() + LANES <= MAX_RETRIES
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) {
        let wake = self.wake_at();
        tokio::select! {
            Some(done) = self.tasks.join_next_with_id() => self.complete(done),
            () = self.sender.accounts.email_queued() => {
                self.has_requests = true;
                self.has_due = true;
            }
            () = time::sleep_until(wake) => {}
        }
        while let Some(done) = self.tasks.try_join_next_with_id() {
            self.complete(done);
        }
        if Instant::now() >= self.next_poll {
            self.has_requests = true;
            self.has_due = true;
            self.next_poll = Instant::now() + POLL_INTERVAL;
        }
    }

    /// Returns when there is something to do at the latest.
    fn wake_at(&self) -> Instant {
        if self.has_requests || !self.deliveries.is_empty() {
            return Instant::now();
        }
        let mut wake = self.next_poll;
        if self.has_due {
            let lane_is_free = self.quick().map(|sending| sending.started + SLOW_AFTER);
            let pause_ends = self.trouble.pause_ends().filter(|it| *it > Instant::now());
            wake = lane_is_free.chain(pause_ends).fold(wake, Instant::min);
        }
        wake
    }

    /// Notes what a task has done.
    fn complete(&mut self, done: Result<(task::Id, Done), JoinError>) {
        let (id, done) = match done {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "a task of the email worker failed");
                let failed = SendError::Deferred("its task failed".to_owned());
                (error.id(), Done::Sent(Err(failed), None))
            }
        };
        let sending = self.sending.remove(&id);
        match (done, sending) {
            (Done::Sent(result, connection), Some(sending)) => {
                self.sent(sending, result, connection);
            }
            (Done::Opened(result), _) => {
                self.opening -= 1;
                match result {
                    Ok(connection) => self.idle.push((connection, Instant::now())),
                    Err(error) => self.server_failed(error),
                }
            }
            // The task that failed was opening a connection.
            (Done::Sent(..), None) => self.opening -= 1,
        }
    }

    fn sent(
        &mut self,
        Sending { email, started }: Sending,
        result: Result<(), SendError>,
        connection: Option<Connection>,
    ) {
        let (email_id, attempts) = (email.id, email.attempts + 1);
        let outcome = match result {
            Ok(()) => DeliveryOutcome::Sent,
            Err(SendError::Refused(reason)) => {
                tracing::error!(%email_id, attempts, reason, "dropped an email that can't be sent");
                DeliveryOutcome::PermanentFailure
            }
            Err(SendError::Deferred(reason)) => {
                tracing::warn!(%email_id, attempts, reason, "can't send an email yet");
                DeliveryOutcome::TemporaryFailure
            }
            Err(SendError::Server(error)) => {
                self.server_failed(error);
                DeliveryOutcome::NotTried
            }
        };
        self.note(email, outcome, started.elapsed());
        if let Some(connection) = connection {
            if connection.is_new() {
                self.trouble.end();
            }
            self.idle.push((connection, Instant::now()));
        }
    }

    fn note(&mut self, email: Arc<LeasedEmail>, outcome: DeliveryOutcome, took: Duration) {
        self.has_due |= outcome == DeliveryOutcome::NotTried;
        self.deliveries.push(Delivery {
            email,
            outcome,
            took,
        });
    }

    fn server_failed(&mut self, error: ServerError) {
        self.trouble.begin_pause(error);
        self.checks_expiry = true;
    }

    /// Closes connections that nothing was sent over for a while.
    fn close_idle_connections(&mut self) {
        let unused = self
            .idle
            .extract_if(.., |(_, since)| since.elapsed() > IDLE_TIMEOUT);
        for (connection, _) in unused {
            tokio::spawn(connection.close());
        }
    }

    /// Waits for the emails that are being sent, and gives back the others.
    async fn finish(mut self) {
        let ends = Instant::now() + STOP_TIMEOUT;
        while !self.sending.is_empty() {
            let done = time::timeout_at(ends, self.tasks.join_next_with_id()).await;
            let Ok(Some(done)) = done else { break };
            self.complete(done);
            if let Err(error) = self.record().await {
                tracing::warn!(%error, "can't update the outbox");
            }
        }
        self.tasks.abort_all();
        let recorded = self.record().await;
        let given_back = outbox::end_leases(self.database(), Some(self.id)).await;
        if let Err(error) = recorded.and(given_back) {
            tracing::warn!(%error, "can't update the outbox");
        }
        let mut closing: JoinSet<()> = JoinSet::new();
        for (connection, _) in self.idle {
            closing.spawn(connection.close());
        }
        let closed = async { while closing.join_next().await.is_some() {} };
        let _ = time::timeout(SLOW_AFTER, closed).await;
    }
}
