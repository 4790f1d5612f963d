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
    io::{AsyncRead, AsyncWrite, ReadBuf},
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

/// A stream that ends when a head takes too long.
pub struct HeadTimeout<S> {
    stream: S,
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

impl<S> HeadTimeout<S> {
    /// Wraps the stream of a new connection, whose first head is expected at once.
    pub fn new(stream: S, head: Head, limit: Duration, idle_limit: Duration) -> Self {
        Self {
            stream,
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
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeout<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let step = this.head.0.load(Ordering::Relaxed);
        if step != this.step {
            (this.step, this.since, this.has_begun) = (step, Instant::now(), false);
        }
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(context, buffer);
        if step % 2 == 1 {
            return result;
        }
        match result {
            Poll::Ready(Ok(())) if buffer.filled().len() > before && !this.has_begun => {
                (this.since, this.has_begun) = (Instant::now(), true);
                result
            }
            Poll::Pending if this.is_over(context) => Poll::Ready(if this.has_begun {
                Err(io::ErrorKind::TimedOut.into())
            } else {
                // Nothing is lost, so this is the end of the connection, and no error.
                Ok(())
            }),
            result => result,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeout<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
