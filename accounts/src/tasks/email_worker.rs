//! The task that sends the emails in the outbox.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use tokio::task::JoinSet;

use crate::{
    backoff::backoff,
    clock::Timestamp,
    crypto::encryption::Purpose,
    email::{
        address::EmailAddress,
        smtp::{CONNECTIONS, SEND_TIMEOUT, SendError},
        template::Email,
        transport::{EmailFrom, EmailTransport},
    },
    error::Error,
    service::Accounts,
    store::{
        database::Database,
        email_requests::EmailRequest,
        outbox::{self, DeliveryOutcome, LeasedEmail},
    },
};

/// The maximum number of email requests that are processed in one round.
const REQUESTS: u32 = 64;

/// The maximum number of emails in one batch.
const BATCH: u32 = 256;

/// How long emails of a batch are started. The others are tried again later.
const BATCH_TIME: Duration = Duration::from_secs(30);

/// How long the emails of a batch belong to this server: longer than a batch takes.
const LEASE: Duration = BATCH_TIME
    .saturating_add(SEND_TIMEOUT)
    .saturating_add(Duration::from_secs(15));

/// How often the outbox is checked for emails to retry, and for emails from other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// The first and the longest pause while the SMTP server or the database is unavailable.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends the emails in the outbox.
pub struct EmailWorker(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    transport: EmailTransport,
    from: EmailFrom,
    public_url: String,
}

/// What a round has found.
#[derive(PartialEq, Eq)]
enum Round {
    /// There may be more to do now.
    More,
    /// Nothing else is due.
    Done,
    /// The SMTP server is unavailable.
    Unavailable,
}

impl EmailWorker {
    /// Creates a worker for the outbox of these accounts. Links in emails begin with `public_url`.
    #[must_use]
    pub fn new(
        accounts: Accounts,
        transport: EmailTransport,
        from: EmailFrom,
        public_url: String,
    ) -> Self {
        Self(Arc::new(Inner {
            accounts,
            transport,
            from,
            public_url,
        }))
    }

    /// Sends emails until `stop` completes, and finishes those that are being sent then.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let accounts = &self.0.accounts;
        // An SQLite file normally has one server, so every lease is left over from an earlier run.
        if matches!(accounts.database(), Database::Sqlite { .. })
            && let Err(error) = outbox::make_all_due(accounts.database(), accounts.now()).await
        {
            tracing::warn!(%error, "can't read the outbox");
        }
        let mut pause = FIRST_PAUSE;
        loop {
            let stopping = AtomicBool::new(false);
            let mut round = pin!(self.round(&stopping));
            let result = tokio::select! {
                result = &mut round => result,
                () = &mut stop => {
                    stopping.store(true, Ordering::Relaxed);
                    let _ = round.await;
                    return;
                }
            };
            let wait = async {
                match result {
                    Ok(Round::More) => pause = FIRST_PAUSE,
                    Ok(Round::Done) => {
                        pause = FIRST_PAUSE;
                        let _ = tokio::time::timeout(POLL_INTERVAL, accounts.email_queued()).await;
                    }
                    Ok(Round::Unavailable) | Err(_) => {
                        tokio::time::sleep(pause).await;
                        pause = backoff(pause, LONGEST_PAUSE, 1);
                    }
                }
            };
            tokio::select! {
                () = wait => {}
                () = &mut stop => return,
            }
        }
    }

    /// Turns email requests into emails, then leases a batch of emails and sends them.
    async fn round(&self, stopping: &AtomicBool) -> Result<Round, Error> {
        let result = self.try_round(stopping).await;
        if let Err(error) = &result {
            tracing::warn!(%error, "can't read or update the outbox");
        }
        result
    }

    async fn try_round(&self, stopping: &AtomicBool) -> Result<Round, Error> {
        let accounts = &self.0.accounts;
        let database = accounts.database();
        let requests = EmailRequest::oldest(database, REQUESTS).await?;
        accounts.process_email_requests(&requests).await?;
        let now = accounts.now();
        let emails = LeasedEmail::take(database, now, now.plus(LEASE), BATCH).await?;
        let is_full = requests.len() >= REQUESTS as usize || emails.len() >= BATCH as usize;
        let (outcomes, is_unavailable) = self.send_all(emails, stopping).await;
        if !outcomes.is_empty() {
            LeasedEmail::record_outcomes(database, &outcomes, accounts.now()).await?;
        }
        Ok(match (is_unavailable, is_full) {
            (true, _) => Round::Unavailable,
            (false, true) => Round::More,
            (false, false) => Round::Done,
        })
    }

    /// Sends emails concurrently. Once the SMTP server is unavailable, the remaining emails are
    /// not tried. Returns the outcomes, and whether the SMTP server is unavailable.
    async fn send_all(
        &self,
        emails: Vec<LeasedEmail>,
        stopping: &AtomicBool,
    ) -> (Vec<(LeasedEmail, DeliveryOutcome)>, bool) {
        let started = Instant::now();
        let is_unavailable = Arc::new(AtomicBool::new(false));
        let mut waiting = emails.into_iter();
        let mut sending = JoinSet::new();
        let mut outcomes = Vec::new();
        loop {
            while sending.len() < CONNECTIONS as usize {
                let Some(email) = waiting.next() else { break };
                if is_unavailable.load(Ordering::Relaxed)
                    || stopping.load(Ordering::Relaxed)
                    || started.elapsed() > BATCH_TIME
                {
                    outcomes.push((email, DeliveryOutcome::TemporaryFailure));
                    continue;
                }
                let (inner, is_unavailable) = (self.0.clone(), is_unavailable.clone());
                sending.spawn(async move {
                    let outcome = inner.send(&email, &is_unavailable).await;
                    (email, outcome)
                });
            }
            match sending.join_next().await {
                Some(Ok(outcome)) => outcomes.push(outcome),
                // The email is tried again when its lease expires.
                Some(Err(error)) => tracing::error!(%error, "the task that sent an email failed"),
                None => break,
            }
        }
        let is_unavailable = is_unavailable.load(Ordering::Relaxed);
        (outcomes, is_unavailable)
    }
}

impl Inner {
    async fn send(&self, email: &LeasedEmail, is_unavailable: &AtomicBool) -> DeliveryOutcome {
        let (email_id, attempts) = (email.id, email.attempts);
        let masters = self.accounts.master_secrets();
        let Some(content) = masters.decrypt(Purpose::Email, email_id, &email.content) else {
            // Another server may have the newer secret already, and this one after a restart.
            tracing::warn!(%email_id, "can't decrypt an email with these master secrets");
            return DeliveryOutcome::TemporaryFailure;
        };
        let message = match self.message(email, &content) {
            Ok(message) => message,
            Err(reason) => {
                tracing::error!(%email_id, reason, "can't compose an email");
                return DeliveryOutcome::PermanentFailure;
            }
        };
        match self.transport.send(email_id, &message).await {
            Ok(()) => return DeliveryOutcome::Sent,
            Err(SendError::Email(reason)) => {
                tracing::warn!(%email_id, attempts, reason, "can't send an email");
            }
            Err(SendError::Server(reason)) => {
                is_unavailable.store(true, Ordering::Relaxed);
                tracing::warn!(reason, "can't send emails");
            }
        }
        DeliveryOutcome::TemporaryFailure
    }

    /// Composes the message (RFC 5322). Its id and date are the same in each attempt, so that email
    /// programs recognize a duplicate.
    fn message(&self, email: &LeasedEmail, content: &[u8]) -> Result<Message, String> {
        let content: Email = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let rendered = content
            .render(&self.public_url)
            .map_err(|error| error.to_string())?;
        // An earlier version stored the domain in Unicode, which many servers don't accept.
        let to = EmailAddress::parse(&content.to)
            .map_or_else(|_| content.to.clone(), |email| email.as_str().to_owned())
            .parse()
            .map_err(|_| "emails can't be sent to its email address")?;
        let from = self.from.mailbox();
        let mut message = Message::builder()
            .from(from.clone())
            .to(Mailbox::new(None, to))
            .subject(rendered.subject)
            .date(email.created_at.into())
            .message_id(Some(format!("<{}@{}>", email.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(
                rendered.text,
                rendered.html,
            ))
            .map_err(|error| error.to_string())?;
        // RFC 3834: asks for no automatic responses.
        message.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        Ok(message)
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        let seconds = u64::try_from(time.unix_seconds()).unwrap_or_default();
        Self::UNIX_EPOCH + Duration::from_secs(seconds)
    }
}
