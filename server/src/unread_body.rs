//! What happens to the rest of a request body when the response is ready before it has been read.
//!
//! A client that does not know of it would take the rest for unsent, or find its connection closed
//! under the next request. So a short rest is read and discarded; otherwise the response says that the
//! connection ends (RFC 9112, 9.3 and 9.6).

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep, timeout},
};

/// How much of a body is read after the response is ready, in bytes, and how long that may take. No
/// endpoint takes a larger body.
const LIMIT: u64 = 16 * 1024;
const TIMEOUT: Duration = Duration::from_millis(500);

/// How much is discarded after a response that ends the connection, in bytes, and how long that may
/// take. A connection that is closed while data arrives is reset, and the client may lose the response.
const LINGER_LIMIT: usize = 256 * 1024;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a client may still be sending a body when its connection is closed.
#[derive(Clone, Default)]
pub struct Unread(Arc<AtomicBool>);

/// The body of a request, which is also in the request.
pub struct Rest {
    body: Shared,
    expects_continue: bool,
}

impl Rest {
    /// Takes a request with its body. One that is empty is not boxed, and has no rest.
    pub fn of(request: Request<Incoming>) -> (Request<Body>, Option<Self>) {
        if request.body().is_end_stream() {
            return (request.map(|_| Body::empty()), None);
        }
        let (head, body) = request.into_parts();
        let body = Shared(Arc::new(Mutex::new(body)));
        let rest = Self {
            body: body.clone(),
            expects_continue: head.headers.contains_key(header::EXPECT),
        };
        (Request::from_parts(head, Body::new(body)), Some(rest))
    }

    /// Reads the rest of the body, or notes in the response that the connection ends.
    pub async fn finish(self, mut response: Response, unread: &Unread) -> Response {
        if !self.discard().await {
            unread.0.store(true, Ordering::Relaxed);
            let headers = response.headers_mut();
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Returns whether all of the body has been read.
    async fn discard(mut self) -> bool {
        if self.body.is_end_stream() {
            return true;
        }
        // Reading would tell a client that waits for it to send its body.
        if self.expects_continue || self.body.size_hint().lower() > LIMIT {
            return false;
        }
        timeout(TIMEOUT, self.body.discard()).await == Ok(true)
    }
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Incoming>>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads up to the limit. Returns whether this was all.
    async fn discard(&mut self) -> bool {
        let mut length = 0;
        while let Some(frame) = self.frame().await {
            let Ok(frame) = frame else { return false };
            length += frame.data_ref().map_or(0, Bytes::len) as u64;
            if length > LIMIT {
                return false;
            }
        }
        true
    }
}

impl HttpBody for Shared {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.lock()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.lock().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.lock().size_hint()
    }
}

/// A stream that, when it is shut down, reads for a while what the client is still sending.
pub struct Lingering<S> {
    stream: S,
    unread: Unread,
    discarded: usize,
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Lingering<S> {
    pub fn new(stream: S, unread: Unread) -> Self {
        Self {
            stream,
            unread,
            discarded: 0,
            end: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
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
            if !this.unread.0.load(Ordering::Relaxed) {
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
