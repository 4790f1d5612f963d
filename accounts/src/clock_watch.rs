//! Notices when the machine's clock may be wrong. Then nothing is deleted because of its age: a clock
//! that jumps ahead by a year must not end every session.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::clock::Timestamp;

/// How much further than the uptime the clock may advance between two observations. Clocks are
/// corrected by seconds all the time.
const TOLERANCE: Duration = Duration::from_secs(60);

/// How long the clock must run steadily after it has jumped: long enough to notice that it is wrong,
/// and to set it right.
const WAIT_AFTER_JUMP: Duration = Duration::from_secs(24 * 60 * 60);

/// How much later than the newest row the server may be started. Later, it was off for long, or the
/// clock is ahead.
const LONGEST_GAP: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the clock must run steadily after such a start.
const WAIT_AFTER_GAP: Duration = Duration::from_secs(60 * 60);

/// How far the time can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClockTrust {
    /// It may be wrong.
    Doubtful,
    /// It agrees with what was stored before.
    Plausible,
    /// It has run steadily for long, so that it is right where it disagrees with what is stored.
    Steady,
}

/// Compares the clock with the uptime, and with the times that are stored.
pub(crate) struct ClockWatch(Mutex<State>);

struct State {
    /// The time when the server started, until it was compared with what is stored.
    unknown_start: Option<Timestamp>,
    started_at: Timestamp,
    /// The last observation: the clock and the uptime.
    last: (Timestamp, Duration),
    /// Since which uptime the clock has run steadily.
    steady_since: Duration,
    /// The uptime until which the clock is doubtful.
    doubtful_until: Duration,
}

impl ClockWatch {
    /// Starts to watch.
    pub fn new(now: Timestamp, uptime: Duration) -> Self {
        Self(Mutex::new(State {
            unknown_start: Some(now),
            started_at: now,
            last: (now, uptime),
            steady_since: uptime,
            doubtful_until: Duration::ZERO,
        }))
    }

    /// The time when the server started, if [`Self::compare_start`] was not called yet.
    pub fn unknown_start(&self) -> Option<Timestamp> {
        self.with_state(|state| state.unknown_start)
    }

    /// Compares the time when the server started with the newest time that was stored before.
    pub fn compare_start(&self, newest: Option<Timestamp>) {
        self.with_state(|state| {
            let gap = newest.map(|newest| state.started_at.since(newest));
            if state.unknown_start.take().is_some() && gap.is_some_and(|gap| gap > LONGEST_GAP) {
                let until = state.steady_since.saturating_add(WAIT_AFTER_GAP);
                state.doubtful_until = state.doubtful_until.max(until);
            }
        });
    }

    /// Observes the clock.
    pub fn observe(&self, now: Timestamp, uptime: Duration) -> ClockTrust {
        self.with_state(|state| {
            let (last, last_uptime) = state.last;
            let expected = last.plus(uptime.saturating_sub(last_uptime));
            let deviation = now.since(expected).max(expected.since(now));
            state.last = (now, uptime);
            if deviation > TOLERANCE {
                tracing::warn!(
                    ?deviation,
                    "the clock has jumped; expired rows are kept for a day"
                );
                state.steady_since = uptime;
                state.doubtful_until = uptime.saturating_add(WAIT_AFTER_JUMP);
            }
            if uptime < state.doubtful_until {
                ClockTrust::Doubtful
            } else if uptime.saturating_sub(state.steady_since) < WAIT_AFTER_JUMP {
                ClockTrust::Plausible
            } else {
                ClockTrust::Steady
            }
        })
    }

    fn with_state<T>(&self, use_state: impl FnOnce(&mut State) -> T) -> T {
        use_state(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn start() -> Timestamp {
        Timestamp::from_unix_seconds(1_800_000_000)
    }

    #[test]
    fn a_clock_that_runs_steadily_is_trusted() {
        let watch = ClockWatch::new(start(), HOUR);
        watch.compare_start(Some(start().minus(DAY)));
        assert_eq!(watch.unknown_start(), None);
        for minutes in 0..1440 {
            let passed = Duration::from_secs(60 * minutes);
            // It is corrected by half a second each minute.
            let now = start().plus(passed).plus(passed / 120);
            assert_eq!(watch.observe(now, HOUR + passed), ClockTrust::Plausible);
        }
        let steady = watch.observe(start().plus(DAY), HOUR + DAY);
        assert_eq!(steady, ClockTrust::Doubtful, "it went back by 12 minutes");
        let steady = watch.observe(start().plus(2 * DAY), HOUR + 2 * DAY);
        assert_eq!(steady, ClockTrust::Steady);
    }

    #[test]
    fn after_a_jump_the_clock_is_doubtful_for_a_day() {
        for year in [start().plus(365 * DAY), start().minus(365 * DAY)] {
            let watch = ClockWatch::new(start(), HOUR);
            watch.compare_start(None);
            assert_eq!(watch.observe(year, HOUR), ClockTrust::Doubtful);
            let later = |time| watch.observe(year.plus(time), HOUR + time);
            assert_eq!(later(DAY - HOUR), ClockTrust::Doubtful);
            assert_eq!(later(DAY), ClockTrust::Steady);
            // It is set right again.
            let right = watch.observe(start().plus(DAY), HOUR + DAY);
            assert_eq!(right, ClockTrust::Doubtful);
        }
    }

    #[test]
    fn after_a_start_with_a_late_clock_it_is_doubtful_for_an_hour() {
        let watch = ClockWatch::new(start(), DAY);
        assert_eq!(watch.unknown_start(), Some(start()));
        watch.compare_start(Some(start().minus(DAY + HOUR)));
        let observe = |time| watch.observe(start().plus(time), DAY + time);
        assert_eq!(observe(HOUR / 2), ClockTrust::Doubtful);
        assert_eq!(observe(HOUR), ClockTrust::Plausible);
    }
}
