//! What happens to the rest of a request body when the response is ready before it has been read.
//!
//! A client that does not know of it would take the rest for unsent, or find its connection closed
//! under the next request. So a short rest is read and discarded; otherwise the response says that the
//! connection ends (RFC 9112, 9.3 and 9.6).

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    response::Response,
};
use http::{HeaderValue, Request, header};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// How much of a body is read after the response is ready, in bytes, and how long that may take. No
/// endpoint takes a larger body.
const LIMIT: u64 = 16 * 1024;
const TIMEOUT: Duration = Duration::from_millis(500);

/// Whether a client may still be sending a body when its connection is closed.
#[derive(Clone, Default)]
pub struct Unread(Arc<AtomicBool>);

impl Unread {
    /// Whether it may.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

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
