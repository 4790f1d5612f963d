//! Reads the metrics that are not counted as things happen.

use std::time::Duration;

use prometheus::Registry;

use super::accounts::Accounts;
use crate::store::{outbox, webhook_deliveries};

/// How long looking into the outbox, and at what waits for webhooks, may take.
const OUTBOX_TIMEOUT: Duration = Duration::from_secs(1);

impl Accounts {
    /// Adds the domain's metrics to a registry.
    ///
    /// # Errors
    /// When they were added before.
    pub fn register_metrics(&self, registry: &Registry) -> prometheus::Result<()> {
        self.metrics().register(registry)
    }

    /// Updates the gauges. Call it before the registry is read.
    pub async fn read_gauges(&self) {
        let (metrics, database) = (self.metrics(), &self.0.database);
        metrics.cached_users.set(gauge(self.0.cache.len()));
        let is_in_use = self.0.cache.is_in_use(database);
        metrics.cache_up_to_date.set(is_in_use.into());
        metrics.hash_queue.set(gauge(self.0.hasher.waiting()));
        let readers = self.revocations().readers();
        metrics.revocation_readers.set(gauge(readers));
        let (open, idle) = database.connections();
        let state = |name: &str| metrics.connections.with_label_values(&[name]);
        state("idle").set(gauge(idle));
        state("used").set(gauge(open.saturating_sub(idle)));
        let most = database.max_connections();
        metrics.max_connections.set(gauge(most));
        metrics
            .time
            .set(self.now().unix_milliseconds() as f64 / 1000.0);
        let emails = tokio::time::timeout(OUTBOX_TIMEOUT, outbox::len(database)).await;
        metrics.outbox.set(match emails {
            Ok(Ok(emails)) => emails as f64,
            _ => f64::NAN,
        });
        let oldest = webhook_deliveries::oldest_pending(database);
        let oldest = tokio::time::timeout(OUTBOX_TIMEOUT, oldest).await;
        metrics.webhook_wait.set(match oldest {
            Ok(Ok(oldest)) => oldest.map_or(0.0, |at| self.now().since(at).as_secs_f64()),
            _ => f64::NAN,
        });
    }
}

fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
