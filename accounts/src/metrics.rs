//! The metrics of the domain, in Prometheus's data model. None of them is about a single user.

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::error::Error;

/// The `result` label of a success. For a failure it is the name of the error.
const SUCCESS: &str = "success";

/// Counters, and gauges that are updated before they are read.
pub(crate) struct Metrics {
    sign_ins: IntCounterVec,
    refreshes: IntCounterVec,
    deliveries: IntCounterVec,
    webhook_deliveries: IntCounterVec,
    pub cache_lookups: IntCounter,
    pub cache_misses: IntCounter,
    pub session_queries: IntCounter,
    pub forged_tokens: IntCounter,
    pub cached_users: IntGauge,
    pub cache_up_to_date: IntGauge,
    pub hash_queue: IntGauge,
    pub revocation_readers: IntGauge,
    pub connections: IntGaugeVec,
    pub max_connections: IntGauge,
    pub time: Gauge,
    pub outbox: Gauge,
    pub webhook_wait: Gauge,
}

impl Metrics {
    pub fn new() -> prometheus::Result<Self> {
        Ok(Self {
            sign_ins: results(
                "latchkey_sign_ins_total",
                "Sign-ins with a password, a passkey or an account at a provider, by result.",
            )?,
            refreshes: results(
                "latchkey_refreshes_total",
                "Exchanges of refresh tokens, by result.",
            )?,
            deliveries: deliveries()?,
            webhook_deliveries: webhook_deliveries()?,
            cache_lookups: IntCounter::new(
                "latchkey_cache_lookups_total",
                "Users looked up in the cache.",
            )?,
            cache_misses: IntCounter::new(
                "latchkey_cache_misses_total",
                "Lookups that queried the database.",
            )?,
            session_queries: IntCounter::new(
                "latchkey_session_queries_total",
                "Sessions that the cache does not know, looked up in the database.",
            )?,
            forged_tokens: IntCounter::new(
                "latchkey_forged_tokens_total",
                "Tokens rejected without a lookup, because they name a key that does not exist.",
            )?,
            cached_users: IntGauge::new("latchkey_cached_users", "Users in the cache.")?,
            cache_up_to_date: IntGauge::new(
                "latchkey_cache_up_to_date",
                "1 while this server receives all changes and uses its cache, else 0.",
            )?,
            hash_queue: IntGauge::new(
                "latchkey_hash_queue_length",
                "Password hashes that wait for a thread.",
            )?,
            revocation_readers: IntGauge::new(
                "latchkey_revocation_readers",
                "Services that read the stream of revocations.",
            )?,
            connections: IntGaugeVec::new(
                Opts::new(
                    "latchkey_database_connections",
                    "Open connections to the database, by state: idle or used.",
                ),
                &["state"],
            )?,
            max_connections: IntGauge::new(
                "latchkey_database_max_connections",
                "The largest number of connections to the database that may be open.",
            )?,
            time: Gauge::new(
                "latchkey_time_seconds",
                "This server's clock, in seconds since 1970.",
            )?,
            outbox: Gauge::new(
                "latchkey_outbox_emails",
                "Emails that wait to be sent; NaN while the database is unavailable.",
            )?,
            webhook_wait: Gauge::new(
                "latchkey_webhook_oldest_pending_seconds",
                "How long the oldest event waits for a webhook; NaN while the database is unavailable.",
            )?,
        })
    }

    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.sign_ins.clone()))?;
        registry.register(Box::new(self.refreshes.clone()))?;
        registry.register(Box::new(self.deliveries.clone()))?;
        registry.register(Box::new(self.webhook_deliveries.clone()))?;
        registry.register(Box::new(self.webhook_wait.clone()))?;
        registry.register(Box::new(self.cache_lookups.clone()))?;
        registry.register(Box::new(self.cache_misses.clone()))?;
        registry.register(Box::new(self.session_queries.clone()))?;
        registry.register(Box::new(self.forged_tokens.clone()))?;
        registry.register(Box::new(self.cached_users.clone()))?;
        registry.register(Box::new(self.cache_up_to_date.clone()))?;
        registry.register(Box::new(self.hash_queue.clone()))?;
        registry.register(Box::new(self.revocation_readers.clone()))?;
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.max_connections.clone()))?;
        registry.register(Box::new(self.time.clone()))?;
        registry.register(Box::new(self.outbox.clone()))
    }

    /// Counts a sign-in.
    pub fn sign_in<T>(&self, result: &Result<T, Error>) {
        count(&self.sign_ins, result);
    }

    /// Counts an exchange of a refresh token.
    pub fn refresh<T>(&self, result: &Result<T, Error>) {
        count(&self.refreshes, result);
    }

    /// Counts an attempt to deliver to a webhook.
    pub fn webhook_delivery(&self, result: WebhookResult) {
        let counter = &self.webhook_deliveries;
        counter.with_label_values(&[result.as_str()]).inc();
    }

    /// Counts attempts to send emails, by their result.
    pub fn deliveries(&self, result: DeliveryResult, count: usize) {
        let counter = self.deliveries.with_label_values(&[result.as_str()]);
        counter.inc_by(count.try_into().unwrap_or_default());
    }
}

/// What became of an attempt to deliver an event to a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WebhookResult {
    /// The receiver has accepted it.
    Delivered,
    /// It will be attempted again.
    Postponed,
    /// It has failed for good, and the webhook is disabled.
    Failed,
}

impl WebhookResult {
    const ALL: [Self; 3] = [Self::Delivered, Self::Postponed, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Postponed => "postponed",
            Self::Failed => "failed",
        }
    }
}

/// Creates the counter of attempts to deliver to webhooks. All results exist from the start, as zero.
fn webhook_deliveries() -> prometheus::Result<IntCounterVec> {
    let help = "Attempts to deliver an event to a webhook, by result.";
    let counter = IntCounterVec::new(
        Opts::new("latchkey_webhook_deliveries_total", help),
        &["result"],
    )?;
    for result in WebhookResult::ALL {
        counter.with_label_values(&[result.as_str()]);
    }
    Ok(counter)
}

/// What became of an attempt to send an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryResult {
    /// A mail server has accepted it.
    Sent,
    /// It will be attempted again.
    Postponed,
    /// It can never be sent.
    Refused,
    /// It could not be sent for 24 hours.
    Expired,
}

impl DeliveryResult {
    const ALL: [Self; 4] = [Self::Sent, Self::Postponed, Self::Refused, Self::Expired];

    fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Postponed => "postponed",
            Self::Refused => "refused",
            Self::Expired => "expired",
        }
    }
}

/// Creates the counter of attempts to send emails. All results exist from the start, as zero.
fn deliveries() -> prometheus::Result<IntCounterVec> {
    let help = "Attempts to send an email, by result.";
    let counter = IntCounterVec::new(
        Opts::new("latchkey_email_deliveries_total", help),
        &["result"],
    )?;
    for result in DeliveryResult::ALL {
        counter.with_label_values(&[result.as_str()]);
    }
    Ok(counter)
}

/// Creates a counter by result. That of successes exists from the start, as zero.
fn results(name: &str, help: &str) -> prometheus::Result<IntCounterVec> {
    let counter = IntCounterVec::new(Opts::new(name, help), &["result"])?;
    counter.with_label_values(&[SUCCESS]);
    Ok(counter)
}

fn count<T>(counter: &IntCounterVec, result: &Result<T, Error>) {
    let result = result.as_ref().map_or_else(Error::name, |_| SUCCESS);
    counter.with_label_values(&[result]).inc();
}
