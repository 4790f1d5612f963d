//! The time until which the cache is valid without a database query.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::clock::Clock;

/// Until when the cache is valid, by the machine's uptime: nobody can set it, and it counts on while
/// the machine is suspended.
pub(crate) struct Lease {
    clock: Arc<dyn Clock>,
    length: Duration,
    /// An uptime in nanoseconds.
    expires: AtomicU64,
}

impl Lease {
    /// Creates a lease that has not begun.
    pub fn new(length: Duration, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            length,
            expires: AtomicU64::new(0),
        }
    }

    /// How long a lease lasts after its heartbeat was sent.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// The uptime now.
    pub fn uptime(&self) -> Duration {
        self.clock.uptime()
    }

    /// Whether the cache is valid now.
    pub fn is_valid(&self) -> bool {
        nanoseconds(self.uptime()) < self.expires.load(Ordering::SeqCst)
    }

    /// Extends the lease: every change committed before this uptime has been applied.
    pub fn renew(&self, up_to_date_at: Duration) {
        let expires = nanoseconds(up_to_date_at.saturating_add(self.length));
        self.expires.fetch_max(expires, Ordering::SeqCst);
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
    use crate::clock::{SystemClock, Timestamp};

    /// The uptime in seconds.
    struct Uptime(AtomicU64);

    impl Clock for Uptime {
        fn now(&self) -> Timestamp {
            SystemClock.now()
        }

        fn uptime(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_lease_is_valid_for_its_length_after_the_heartbeat_was_sent() {
        let clock = Arc::new(Uptime(AtomicU64::new(1000)));
        let lease = Lease::new(Duration::from_secs(60), clock.clone());
        assert!(!lease.is_valid());
        lease.renew(lease.uptime());
        assert!(lease.is_valid());
        clock.0.store(1059, Ordering::SeqCst);
        assert!(lease.is_valid());
        clock.0.store(1060, Ordering::SeqCst);
        assert!(!lease.is_valid());
        // A heartbeat that was sent a lease ago, and comes back now, renews nothing.
        lease.renew(Duration::from_secs(1000));
        assert!(!lease.is_valid());
        lease.renew(Duration::from_secs(1001));
        assert!(lease.is_valid());
        lease.end();
        assert!(!lease.is_valid());
    }

    /// While a machine is suspended, it receives no changes. Its uptime counts on, so that its lease
    /// has expired when it wakes up.
    #[test]
    fn the_uptime_is_the_one_that_counts_while_suspended() {
        let before = SystemClock.uptime();
        let boot = std::fs::read_to_string("/proc/uptime").ok();
        let boot = boot.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
        if let Some(boot) = boot {
            assert!(
                (before.as_secs_f64() - boot).abs() < 1.0,
                "{before:?} {boot}"
            );
        }
        assert!(SystemClock.uptime() >= before);
    }
}
