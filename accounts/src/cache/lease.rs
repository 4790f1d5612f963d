//! The time until which the cache is valid without a database query.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Until when the cache is valid, by the machine's monotonic clock, which nobody can set.
pub(crate) struct Lease {
    start: Instant,
    length: Duration,
    /// Nanoseconds after `start`.
    expires: AtomicU64,
}

impl Lease {
    /// Creates a lease that has not begun.
    pub fn new(length: Duration) -> Self {
        Self {
            start: Instant::now(),
            length,
            expires: AtomicU64::new(0),
        }
    }

    /// How long a lease lasts after its heartbeat was sent.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Whether the cache is valid now.
    pub fn is_valid(&self) -> bool {
        nanoseconds(self.start.elapsed()) < self.expires.load(Ordering::SeqCst)
    }

    /// Extends the lease: every change committed before this moment has been applied.
    pub fn renew(&self, up_to_date_at: Instant) {
        let expires = up_to_date_at.saturating_duration_since(self.start) + self.length;
        self.expires
            .fetch_max(nanoseconds(expires), Ordering::SeqCst);
    }

    /// Ends the lease: changes may have been missed.
    pub fn end(&self) {
        self.expires.store(0, Ordering::SeqCst);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_valid_for_its_length_after_the_heartbeat_was_sent() {
        let lease = Lease::new(Duration::from_secs(60));
        assert!(!lease.is_valid());
        lease.renew(Instant::now());
        assert!(lease.is_valid());
        lease.end();
        assert!(!lease.is_valid());
        // A heartbeat that was sent a lease ago, and comes back now, renews nothing.
        let short = Lease::new(Duration::from_millis(1));
        let sent = Instant::now();
        std::thread::sleep(Duration::from_millis(5));
        short.renew(sent);
        assert!(!short.is_valid());
    }
}
