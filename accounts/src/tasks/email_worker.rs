//! The task that sends what is in the outbox.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lettre::{
    Message,
    message::{
        MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use tokio::task::JoinSet;

use crate::{
    Accounts, Database, Error, Timestamp,
    crypto::encryption::Purpose,
    email::{
        smtp::CONNECTIONS,
        template::Mail,
        transport::{EmailFrom, EmailTransport, SendError},
    },
    store::{
        email_requests::EmailRequest,
        outbox::{self, DeliveryOutcome, LeasedEmail},
    },
};

/// How many wishes are granted, and how many mails are taken, at once.
const WISHES: u32 = 64;
const BATCH: u32 = 256;

/// How long mails of a batch are begun, and how long one may take.
const BATCH_TIME: Duration = Duration::from_secs(30);
const MAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the mails of a batch are this server's: longer than a batch can take.
const LEASE: Duration = Duration::from_secs(75);

/// How often the outbox is looked at when nothing is known to be in it: for mails that failed, or
/// that another process has left there.
const POLL: Duration = Duration::from_secs(2);

/// The first and the longest pause while no mail is taken at all.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Sends the mails in the outbox.
pub struct EmailWorker(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    transport: EmailTransport,
    from: EmailFrom,
    public_url: String,
}

/// What a look at the outbox found.
#[derive(PartialEq, Eq)]
enum Round {
    /// There may be more.
    More,
    /// Nothing is due.
    Done,
    /// No mail is taken now.
    Down,
}

impl EmailWorker {
    /// A sender for the outbox of these accounts.
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

    /// Sends mails until it is told to stop; then those on their way are finished.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let accounts = &self.0.accounts;
        // Several servers on one SQLite file are no normal thing.
        if matches!(accounts.database(), Database::Sqlite { .. })
            && let Err(error) = outbox::make_all_due(accounts.database(), accounts.now()).await
        {
            tracing::warn!(%error, "can't look at the outbox");
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
            let is_down = match result {
                Ok(Round::More) => continue,
                Ok(Round::Done) => false,
                Ok(Round::Down) => true,
                Err(error) => {
                    tracing::warn!(%error, "can't look at the outbox");
                    true
                }
            };
            let woken = async {
                if is_down {
                    tokio::time::sleep(pause).await;
                } else {
                    let _ = tokio::time::timeout(POLL, accounts.mail_waits()).await;
                }
            };
            tokio::select! {
                () = woken => {}
                () = &mut stop => return,
            }
            pause = if is_down {
                LONGEST_PAUSE.min(pause * 2)
            } else {
                FIRST_PAUSE
            };
        }
    }

    /// Turns wishes into mails, then takes a batch of mails and sends them.
    async fn round(&self, stopping: &AtomicBool) -> Result<Round, Error> {
        let accounts = &self.0.accounts;
        let database = accounts.database();
        let requests = EmailRequest::oldest(database, WISHES).await?;
        accounts.grant(&requests).await?;
        let now = accounts.now();
        let mails = LeasedEmail::take(database, now, now.plus(LEASE), BATCH).await?;
        let is_full = requests.len() >= WISHES as usize || mails.len() >= BATCH as usize;
        if mails.is_empty() {
            self.0.transport.rest().await;
        }
        let (fates, is_down) = self.send_all(mails, stopping).await;
        if !fates.is_empty() {
            LeasedEmail::record_outcomes(database, &fates, accounts.now()).await?;
        }
        Ok(match (is_down, is_full) {
            (true, _) => Round::Down,
            (false, true) => Round::More,
            (false, false) => Round::Done,
        })
    }

    /// Sends mails over a few connections side by side. Once no mail is taken at all, the rest is
    /// not tried.
    async fn send_all(
        &self,
        mails: Vec<LeasedEmail>,
        stopping: &AtomicBool,
    ) -> (Vec<(LeasedEmail, DeliveryOutcome)>, bool) {
        let began = Instant::now();
        let is_down = Arc::new(AtomicBool::new(false));
        let mut waiting = mails.into_iter();
        let mut sending = JoinSet::new();
        let mut fates = Vec::new();
        loop {
            while sending.len() < CONNECTIONS {
                let Some(mail) = waiting.next() else { break };
                if is_down.load(Ordering::Relaxed)
                    || stopping.load(Ordering::Relaxed)
                    || began.elapsed() > BATCH_TIME
                {
                    fates.push((mail, DeliveryOutcome::TemporaryFailure));
                    continue;
                }
                let (inner, is_down) = (self.0.clone(), is_down.clone());
                sending.spawn(async move {
                    let fate = inner.send(&mail, &is_down).await;
                    (mail, fate)
                });
            }
            match sending.join_next().await {
                Some(Ok(fate)) => fates.push(fate),
                // The mail of a task that panicked is tried again when its lease ends.
                Some(Err(error)) => tracing::error!(%error, "sending a mail failed"),
                None => break,
            }
        }
        let is_down = is_down.load(Ordering::Relaxed);
        (fates, is_down)
    }
}

impl Inner {
    async fn send(&self, mail: &LeasedEmail, is_down: &AtomicBool) -> DeliveryOutcome {
        let masters = self.accounts.master_secrets();
        let Some(content) = masters.decrypt(Purpose::Email, mail.id, &mail.content) else {
            // Another server may have the newer secret already, and this one after a restart.
            tracing::warn!(mail = %mail.id, "a mail was encrypted under another master secret");
            return DeliveryOutcome::TemporaryFailure;
        };
        let message = match self.message(mail, &content) {
            Ok(message) => message,
            Err(reason) => {
                tracing::error!(mail = %mail.id, reason, "a mail can't be written");
                return DeliveryOutcome::PermanentFailure;
            }
        };
        let sent = tokio::time::timeout(MAIL_TIMEOUT, self.transport.send(mail.id, message)).await;
        match sent {
            Ok(Ok(())) => DeliveryOutcome::Sent,
            Ok(Err(SendError::Mail(reason))) => {
                tracing::warn!(mail = %mail.id, attempts = mail.attempts, reason, "a mail was refused");
                DeliveryOutcome::TemporaryFailure
            }
            Ok(Err(SendError::Server(reason))) => {
                is_down.store(true, Ordering::Relaxed);
                tracing::warn!(reason, "no mail can be sent");
                DeliveryOutcome::TemporaryFailure
            }
            Err(_) => {
                is_down.store(true, Ordering::Relaxed);
                tracing::warn!("the mail server takes too long");
                DeliveryOutcome::TemporaryFailure
            }
        }
    }

    /// The mail in its final form (RFC 5322). Its id and date stay the same however often it is
    /// tried, so that a mail program knows a second copy.
    fn message(&self, mail: &LeasedEmail, content: &[u8]) -> Result<Message, String> {
        let content: Mail = serde_json::from_slice(content).map_err(|error| error.to_string())?;
        let words = content
            .render(&self.public_url)
            .map_err(|error| error.to_string())?;
        let to = content
            .to
            .parse()
            .map_err(|_| "its address is not one that mails can be sent to")?;
        let from = self.from.mailbox();
        let mut message = Message::builder()
            .from(from.clone())
            .to(lettre::message::Mailbox::new(None, to))
            .subject(words.subject)
            .date(mail.created_at.into())
            .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
            .multipart(MultiPart::alternative_plain_html(words.text, words.html))
            .map_err(|error| error.to_string())?;
        // RFC 3834: no vacation notices, please.
        message.headers_mut().insert_raw(HeaderValue::new(
            HeaderName::new_from_ascii_str("Auto-Submitted"),
            "auto-generated".to_owned(),
        ));
        Ok(message)
    }
}

impl From<Timestamp> for std::time::SystemTime {
    fn from(time: Timestamp) -> Self {
        Self::UNIX_EPOCH
            + Duration::from_secs(u64::try_from(time.unix_seconds()).unwrap_or_default())
    }
}
