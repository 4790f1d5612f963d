//! Time limits for the head of a request, and for the pause before its first byte.
//!
//! hyper has one limit for both. So a client that sends slowly could take as long as a connection may be idle.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, Sleep, sleep_until},
};

/// What a connection waits for: the head of a request after an even number of steps, the response to it after
/// an odd one.
#[derive(Clone, Default)]
pub struct Head(Arc<AtomicU32>);

/// An odd number of steps, after which there is no other.
const STOPPED: u32 = u32::MAX;

impl Head {
    /// Notes that the head of a request has arrived.
    pub fn complete(&self) {
        self.step();
    }

    /// Notes that the next head is expected, as a response is ready.
    pub fn expect_next(&self) {
        self.step();
    }

    /// Ends the limits for this connection.
    pub fn stop(&self) {
        self.0.store(STOPPED, Ordering::Relaxed);
    }

    fn step(&self) {
        // Only one task takes steps.
        let step = self.0.load(Ordering::Relaxed);
        if step != STOPPED {
            self.0.store((step + 1) % (STOPPED - 1), Ordering::Relaxed);
        }
    }
}

/// How long a connection has waited for a head.
pub struct HeadTimeout {
    head: Head,
    limit: Duration,
    idle_limit: Duration,
    /// The step that the rest is about.
    step: u32,
    /// When the wait has begun, and whether it is for the rest of a head.
    since: Instant,
    has_begun: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl HeadTimeout {
    /// Begins with a new connection, whose first head is expected at once.
    pub fn new(head: Head, limit: Duration, idle_limit: Duration) -> Self {
        Self {
            head,
            limit,
            idle_limit,
            step: 0,
            since: Instant::now(),
            has_begun: true,
            timer: None,
        }
    }

    /// Returns whether the wait has lasted too long. Otherwise the task is woken when it has.
    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let limit = if self.has_begun {
            self.limit
        } else {
            self.idle_limit
        };
        let end = self.since + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(context).is_ready()
    }

    /// Reads from the connection's stream, unless the wait has lasted too long.
    pub fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let step = self.head.0.load(Ordering::Relaxed);
        if step != self.step {
            (self.step, self.since, self.has_begun) = (step, Instant::now(), false);
        }
        let before = buffer.filled().len();
        let result = Pin::new(stream).poll_read(context, buffer);
        if step % 2 == 1 {
            return result;
        }
        match result {
            Poll::Ready(Ok(())) if buffer.filled().len() > before && !self.has_begun => {
                (self.since, self.has_begun) = (Instant::now(), true);
                result
            }
            Poll::Pending if self.is_over(context) => Poll::Ready(if self.has_begun {
                Err(io::ErrorKind::TimedOut.into())
            } else {
                // Nothing is lost, so this is the end of the connection, and no error.
                Ok(())
            }),
            result => result,
        }
    }
}
