//! What a service may rely on, as a state machine without input and output.
//!
//! # The rule
//!
//! A heartbeat with the time `at` says: everything that was committed before `at` was told on this
//! connection. It may be relied on until a lease has passed since `at`, by this machine's own clock. To
//! carry `at` over to that clock one has to know how far the two are apart, and all that can be seen is
//! when something arrives: that is later than it was sent, by a delay that nobody knows. So
//!
//! - what arrived with the smallest delay gives the best estimate, and one that is too late by that delay;
//! - that delay can't be longer than from the request to the head of its response, which has a time of
//!   the server in it. So that much is subtracted.
//!
//! The result is never later than the truth, however slow the line is and whatever the clocks show.
//! Connections replace each other: what an old one said holds, with what it told, until a new one has
//! told everything that is revoked and its first heartbeat counts. The two are never mixed, since another
//! server may know less at that moment.

use std::time::Duration;

use crate::{
    claims::Claims,
    revoked::{Revoked, TooMany},
    sse::{Event, Malformed},
};

/// The longest lease that is believed.
const LONGEST_LEASE: Duration = Duration::from_secs(60 * 60);

/// What is known of the revocations.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    revoked: Revoked,
    /// Until when that is enough, by the clock of [`crate::clock::Clock::uptime`].
    until: Duration,
    /// The lifetime of tokens of which everything is told, in seconds.
    token_lifetime: Option<i64>,
}

/// Whether a token with valid claims is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accepted,
    Revoked,
    Unknown,
}

impl Trust {
    /// Judges a token.
    pub fn judge(&self, claims: &Claims, uptime: Duration) -> Verdict {
        let lives_too_long = self
            .token_lifetime
            .is_some_and(|lifetime| claims.exp.saturating_sub(claims.iat) > lifetime);
        // What was revoked once stays so.
        if self.revoked.is_revoked(claims) {
            Verdict::Revoked
        } else if uptime >= self.until || lives_too_long {
            Verdict::Unknown
        } else {
            Verdict::Accepted
        }
    }

    /// How much longer the lease lasts.
    pub fn left(&self, uptime: Duration) -> Duration {
        self.until.saturating_sub(uptime)
    }

    /// The number of entries.
    pub fn entries(&self) -> usize {
        self.revoked.len()
    }
}

/// What the head of a response said.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// When the request was sent.
    pub sent: Duration,
    /// When the head arrived.
    pub received: Duration,
    /// The time of the server, in milliseconds. Without it, the first heartbeat takes its place.
    pub at: Option<u64>,
    /// In seconds.
    pub token_lifetime: Option<i64>,
}

/// A connection to the stream.
#[derive(Debug)]
pub(crate) struct Connection {
    head: Head,
    delays: Option<Delays>,
    lease: Duration,
    /// What was told so far, until it replaces what an earlier connection told.
    incoming: Option<Revoked>,
    is_complete: bool,
    heartbeats: u64,
}

impl From<TooMany> for Malformed {
    fn from(_: TooMany) -> Self {
        Self
    }
}

impl Connection {
    /// A connection whose head has arrived.
    pub fn new(head: Head) -> Self {
        Self {
            delays: head.at.map(|at| Delays::new(head.sent, head.received, at)),
            head,
            lease: Duration::ZERO,
            incoming: Some(Revoked::default()),
            is_complete: false,
            heartbeats: 0,
        }
    }

    /// How many heartbeats have arrived.
    pub fn heartbeats(&self) -> u64 {
        self.heartbeats
    }

    /// How long to rely on a heartbeat; zero before that is known.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Whether what this connection told is what counts.
    pub fn is_trusted(&self) -> bool {
        self.incoming.is_none()
    }

    /// Applies an event that has arrived at this uptime.
    ///
    /// # Errors
    /// When it does not follow the protocol, or there is more than can be kept. The connection is then of
    /// no more use.
    pub fn apply(
        &mut self,
        event: Event,
        received: Duration,
        trust: &mut Trust,
    ) -> Result<(), Malformed> {
        match event {
            Event::Snapshot(part) => {
                let Some(incoming) = self.incoming.as_mut().filter(|_| !self.is_complete) else {
                    return Err(Malformed);
                };
                self.lease = Duration::from_millis(part.lease_ms).min(LONGEST_LEASE);
                self.is_complete = part.complete;
                for entry in part.revoked {
                    incoming.add(entry)?;
                }
            }
            Event::Revoked(_) | Event::Heartbeat(_) if !self.is_complete => return Err(Malformed),
            Event::Revoked(entry) => {
                if let Some(incoming) = &mut self.incoming {
                    incoming.add(entry.clone())?;
                }
                trust.revoked.add(entry)?;
            }
            Event::Heartbeat(at) => self.heartbeat(at, received, trust),
        }
        Ok(())
    }

    fn heartbeat(&mut self, at: u64, received: Duration, trust: &mut Trust) {
        self.heartbeats += 1;
        let sent = self.head.sent;
        let delays = self
            .delays
            .get_or_insert_with(|| Delays::new(sent, received, at));
        let until = delays.heartbeat(received, at, self.lease);
        if self.incoming.is_some() && until <= received {
            // It says nothing about now. What an earlier connection said may still count.
            return;
        }
        if let Some(revoked) = self.incoming.take() {
            trust.revoked = revoked;
            trust.token_lifetime = self.head.token_lifetime;
        }
        trust.until = until;
    }
}

/// How far the server's clock and this machine's are apart, in milliseconds: as seen, and at least.
#[derive(Debug)]
struct Delays {
    /// The smallest difference between the time at which something arrived and the one in it.
    smallest: i128,
    /// How much of that may be the time that it took.
    uncertainty: i128,
}

impl Delays {
    fn new(sent: Duration, received: Duration, at: u64) -> Self {
        Self {
            smallest: milliseconds(received) - i128::from(at),
            uncertainty: milliseconds_up(received.saturating_sub(sent)),
        }
    }

    /// Returns until when a heartbeat may be relied on.
    fn heartbeat(&mut self, received: Duration, at: u64, lease: Duration) -> Duration {
        let at = i128::from(at);
        self.smallest = self.smallest.min(milliseconds(received) - at);
        // Times of the server are rounded down: what arrived first may have been sent a millisecond later
        // than it says.
        let until = at + self.smallest - 1 - self.uncertainty + milliseconds(lease);
        Duration::from_millis(u64::try_from(until.max(0)).unwrap_or(u64::MAX))
    }
}

/// Rounded down.
fn milliseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX / 4)
}

fn milliseconds_up(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(i128::MAX / 4)
}
