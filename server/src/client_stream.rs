//! What hyper reads requests from and writes responses to.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{head_timeout::HeadTimeout, unread_body::Unread};

/// How much is discarded after a response that ends the connection, in bytes, and how long that may
/// take. A connection that is closed while data arrives is reset, and the client may lose the response.
const LINGER_LIMIT: usize = 256 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// The stream of a connection. It ends when the head of a request takes too long. When it is shut down, it
/// reads for a while what the client is still sending.
pub struct ClientStream<S> {
    stream: S,
    head: HeadTimeout,
    unread: Unread,
    discarded: usize,
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> ClientStream<S> {
    /// Wraps the stream of a new connection.
    pub fn new(stream: S, head: HeadTimeout, unread: Unread) -> Self {
        Self {
            stream,
            head,
            unread,
            discarded: 0,
            end: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.head.poll_read(&mut this.stream, context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
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
        let this = &mut *self;
        if this.end.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
            if !this.unread.is_set() {
                return Poll::Ready(Ok(()));
            }
        }
        let end = this
            .end
            .get_or_insert_with(|| Box::pin(sleep(LINGER_TIMEOUT)));
        let mut discarded = [0; 8 * 1024];
        while this.discarded < LINGER_LIMIT {
            let mut buffer = ReadBuf::new(&mut discarded);
            match Pin::new(&mut this.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    this.discarded += buffer.filled().len();
                }
                // The client has closed the connection, too.
                Poll::Ready(_) => break,
                Poll::Pending => return end.as_mut().poll(context).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
