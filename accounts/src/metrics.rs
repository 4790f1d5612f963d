//! What the domain counts, for the operator: Prometheus's data model. Nothing in it is about a person.

use std::time::Duration;

use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::{Accounts, Error, store::outbox};

/// How long counting the outbox may take.
const OUTBOX_TIMEOUT: Duration = Duration::from_secs(1);

/// Counters, and gauges that are read when they are asked for.
pub(crate) struct Metrics {
    sign_ins: IntCounterVec,
    sign_ins_good: IntCounter,
    refreshes: IntCounterVec,
    refreshes_good: IntCounter,
    pub cache_lookups: IntCounter,
    pub cache_misses: IntCounter,
    pub forged_tokens: IntCounter,
    cached_users: IntGauge,
    trusts_cache: IntGauge,
    hash_queue: IntGauge,
    connections: IntGaugeVec,
    outbox: Gauge,
}

impl Metrics {
    pub fn new() -> prometheus::Result<Self> {
        let by_result =
            |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["result"]);
        let sign_ins = by_result(
            "latchkey_sign_ins_total",
            "Sign-ins by password, by what came of them.",
        )?;
        let refreshes = by_result(
            "latchkey_refreshes_total",
            "Exchanges of a refresh token, by what came of them.",
        )?;
        Ok(Self {
            sign_ins_good: sign_ins.with_label_values(&[GOOD]),
            sign_ins,
            refreshes_good: refreshes.with_label_values(&[GOOD]),
            refreshes,
            cache_lookups: IntCounter::new(
                "latchkey_cache_lookups_total",
                "Users looked for in memory.",
            )?,
            cache_misses: IntCounter::new(
                "latchkey_cache_misses_total",
                "Look-ups for which the database was asked.",
            )?,
            forged_tokens: IntCounter::new(
                "latchkey_forged_tokens_total",
                "Tokens whose key name no master secret has made, refused without any look-up.",
            )?,
            cached_users: IntGauge::new("latchkey_cached_users", "Users in memory.")?,
            trusts_cache: IntGauge::new(
                "latchkey_cache_trusted",
                "1 while this server hears of all changes and answers from memory, else 0.",
            )?,
            hash_queue: IntGauge::new(
                "latchkey_hash_queue_length",
                "Password hashes that wait for a thread.",
            )?,
            connections: IntGaugeVec::new(
                Opts::new(
                    "latchkey_database_connections",
                    "Open connections to the database, by whether they are in use.",
                ),
                &["state"],
            )?,
            outbox: Gauge::new(
                "latchkey_outbox_mails",
                "Mails that wait to be sent; NaN while the database can't be asked.",
            )?,
        })
    }

    fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        registry.register(Box::new(self.sign_ins.clone()))?;
        registry.register(Box::new(self.refreshes.clone()))?;
        registry.register(Box::new(self.cache_lookups.clone()))?;
        registry.register(Box::new(self.cache_misses.clone()))?;
        registry.register(Box::new(self.forged_tokens.clone()))?;
        registry.register(Box::new(self.cached_users.clone()))?;
        registry.register(Box::new(self.trusts_cache.clone()))?;
        registry.register(Box::new(self.hash_queue.clone()))?;
        registry.register(Box::new(self.connections.clone()))?;
        registry.register(Box::new(self.outbox.clone()))
    }

    /// Counts a sign-in.
    pub fn sign_in<T>(&self, result: &Result<T, Error>) {
        count(&self.sign_ins, &self.sign_ins_good, result);
    }

    /// Counts an exchange of a refresh token.
    pub fn refresh<T>(&self, result: &Result<T, Error>) {
        count(&self.refreshes, &self.refreshes_good, result);
    }
}

const GOOD: &str = "good";

fn count<T>(all: &IntCounterVec, good: &IntCounter, result: &Result<T, Error>) {
    match result {
        Ok(_) => good.inc(),
        Err(error) => all.with_label_values(&[error.name()]).inc(),
    }
}

impl Accounts {
    /// Makes the domain's figures part of a registry.
    ///
    /// # Errors
    /// When they are in it already.
    pub fn register_metrics(&self, registry: &Registry) -> prometheus::Result<()> {
        self.metrics().register(registry)
    }

    /// Reads what is not counted as it happens.
    pub async fn read_gauges(&self) {
        let metrics = self.metrics();
        metrics.cached_users.set(gauge(self.cache().len()));
        let trusts = self.cache().is_trusted(self.database());
        metrics.trusts_cache.set(trusts.into());
        metrics.hash_queue.set(gauge(self.hashes_waiting()));
        let (open, idle) = self.database().connections();
        let state = |name: &str| metrics.connections.with_label_values(&[name]);
        state("idle").set(gauge(idle));
        state("used").set(gauge(open.saturating_sub(idle)));
        let outbox = tokio::time::timeout(OUTBOX_TIMEOUT, outbox::len(self.database())).await;
        metrics.outbox.set(match outbox {
            Ok(Ok(mails)) => mails as f64,
            _ => f64::NAN,
        });
    }
}

fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
