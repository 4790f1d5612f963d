//! Exponential backoff.

use std::time::Duration;

/// Returns `first`, doubled this many times, up to `longest`.
pub(crate) fn backoff(first: Duration, longest: Duration, doublings: u32) -> Duration {
    longest.min(first.saturating_mul(2_u32.saturating_pow(doublings)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_limit() {
        let seconds = [0, 1, 2, 3, 4, 31, 32, u32::MAX].map(|doublings| {
            backoff(Duration::from_secs(5), Duration::from_secs(60), doublings).as_secs()
        });
        assert_eq!(seconds, [5, 10, 20, 40, 60, 60, 60, 60]);
    }
}
