//! The time.

use std::time::Duration;

/// Where a verifier gets the time from. Tests have one of their own.
pub trait Clock: Send + Sync + 'static {
    /// Seconds since 1970, by the machine's clock. Tokens expire by it.
    fn unix_seconds(&self) -> i64;

    /// The time since some moment in the past, by a clock that nobody sets and that counts on while the
    /// machine is suspended. Leases expire by it.
    fn uptime(&self) -> Duration;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the only place that reads the system clock
    fn unix_seconds(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| {
            i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
        })
    }

    #[cfg(target_os = "linux")]
    fn uptime(&self) -> Duration {
        use rustix::time::{ClockId, clock_gettime};
        clock_gettime(ClockId::Boottime)
            .try_into()
            .unwrap_or_default()
    }

    /// On other systems, `Instant` is the nearest that there is. It may stop during a suspension.
    #[cfg(not(target_os = "linux"))]
    fn uptime(&self) -> Duration {
        use std::{sync::LazyLock, time::Instant};
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed()
    }
}
