use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Until when memory is trusted. It is measured by the machine's monotonic clock, which no one can
/// set.
pub(crate) struct Lease {
    start: Instant,
    length: Duration,
    /// Nanoseconds after `start`.
    ends: AtomicU64,
}

impl Lease {
    /// A lease that has not begun.
    pub fn new(length: Duration) -> Self {
        Self {
            start: Instant::now(),
            length,
            ends: AtomicU64::new(0),
        }
    }

    /// How long it is for.
    pub fn length(&self) -> Duration {
        self.length
    }

    /// Whether memory is trusted now.
    pub fn holds(&self) -> bool {
        nanoseconds(self.start.elapsed()) < self.ends.load(Ordering::SeqCst)
    }

    /// Every change before this moment has been heard.
    pub fn renew(&self, heard_since: Instant) {
        let ends = heard_since.saturating_duration_since(self.start) + self.length;
        self.ends.fetch_max(nanoseconds(ends), Ordering::SeqCst);
    }

    /// Changes may have gone unheard.
    pub fn end(&self) {
        self.ends.store(0, Ordering::SeqCst);
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
