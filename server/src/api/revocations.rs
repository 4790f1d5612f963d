//! `GET /api/token/revocations`: the stream of revocations (docs/verifying-tokens.md), as server-sent
//! events. It is no server function, because its response does not end.
//!
//! News is encoded once, by the first reader, and all share the bytes. A reader that does not keep up is
//! disconnected, and begins again with a snapshot.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use accounts::{
    Accounts, Error, RevocationEntry, RevocationNews, RevocationReader, RevocationSnapshot, Scope,
};
use app::api::{ApiError, authenticate_service, bearer_token};
use axum::{
    body::{Body, Bytes},
    extract::State,
    response::{IntoResponse, Response},
    routing::{MethodRouter, get},
};
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;

/// The path of the endpoint.
pub const PATH: &str = "/api/token/revocations";

/// The maximum number of entries of a `snapshot` event.
const SNAPSHOT_ENTRIES: usize = 1000;

/// How often the service key of a stream is checked again, while there is news.
const KEY_INTERVAL: Duration = Duration::from_secs(1);

/// The time of this server's heartbeats when the response began: a bound for how long these take to
/// arrive.
const AT: HeaderName = HeaderName::from_static("latchkey-at");

/// The lifetime of access tokens in seconds. Of tokens that live longer, nobody is told everything.
const TOKEN_LIFETIME: HeaderName = HeaderName::from_static("latchkey-token-lifetime");

/// Tells nginx to pass everything on at once.
const NO_BUFFERING: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

/// Returns the route.
pub fn route(accounts: Accounts) -> MethodRouter {
    get(stream_revocations).with_state(accounts)
}

async fn stream_revocations(
    State(accounts): State<Accounts>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let key = bearer_token(&headers)?.to_owned();
    authenticate_service(&accounts, &key, Scope::TokensVerify).await?;
    let reader = accounts.read_revocations().await?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        NO_BUFFERING,
        (AT, HeaderValue::from(reader.now)),
        (
            TOKEN_LIFETIME,
            HeaderValue::from(accounts.access_lifetime().as_millis().div_ceil(1000) as u64),
        ),
    ];
    let body = match method {
        Method::HEAD => Body::empty(),
        _ => Body::from_stream(events(Stream::new(reader, accounts, key))),
    };
    Ok((headers, body).into_response())
}

/// The stream of one reader.
struct Stream {
    reader: RevocationReader,
    /// The events that it begins with, and how many of them have been sent.
    first: Arc<[Bytes]>,
    sent: usize,
    accounts: Accounts,
    key: String,
    checked: Instant,
}

fn events(stream: Stream) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(stream, |mut stream| async {
        let event = stream.next().await?;
        Some((Ok(event), stream))
    })
}

impl Stream {
    fn new(reader: RevocationReader, accounts: Accounts, key: String) -> Self {
        let lease = reader.lease;
        Self {
            first: reader.snapshot.get(|all| encode_snapshot(all, lease)),
            sent: 0,
            reader,
            accounts,
            key,
            checked: Instant::now(),
        }
    }

    /// Returns the next events, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        let number = self.sent;
        self.sent = number.saturating_add(1);
        if let Some(event) = self.first.get(number) {
            return Some(event.clone());
        }
        if number == self.first.len() {
            return Some(self.reader.heartbeat.get(encode_news));
        }
        self.first = Arc::default();
        let news = match self.reader.news.recv().await {
            Ok(news) => news,
            Err(RecvError::Closed) => return None,
            Err(RecvError::Lagged(_)) => {
                tracing::debug!("a reader of revocations did not keep up");
                return None;
            }
        };
        if self.checked.elapsed() >= KEY_INTERVAL {
            self.checked = Instant::now();
            let checked = self
                .accounts
                .authenticate_service_key(&self.key, Scope::TokensVerify);
            if let Err(Error::KeyInvalid | Error::PermissionDenied) = checked.await {
                return None;
            }
        }
        Some(news.get(encode_news))
    }
}

/// Encodes a snapshot. There is at least one event.
fn encode_snapshot(snapshot: &RevocationSnapshot, lease: Duration) -> Arc<[Bytes]> {
    let event = |entries: &[RevocationEntry], is_complete: bool| {
        Bytes::from(format!(
            "event: snapshot\ndata: {{\"lease_ms\":{},\"revoked\":{},\"complete\":{is_complete}}}\n\n",
            lease.as_millis(),
            json(entries)
        ))
    };
    let count = snapshot.entries.len().div_ceil(SNAPSHOT_ENTRIES);
    let mut events: Vec<_> = snapshot
        .entries
        .chunks(SNAPSHOT_ENTRIES)
        .enumerate()
        .map(|(number, entries)| event(entries, number + 1 == count))
        .collect();
    if events.is_empty() {
        events.push(event(&[], true));
    }
    events.into()
}

fn encode_news(news: &RevocationNews) -> Bytes {
    let text: String = match news {
        RevocationNews::Heartbeat(at) => format!("event: heartbeat\ndata: {{\"at\":{at}}}\n\n"),
        RevocationNews::Revoked(entries) => entries
            .iter()
            .map(|entry| format!("event: revoked\ndata: {}\n\n", json(entry)))
            .collect(),
    };
    text.into()
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("entries are plain data")
}

#[cfg(test)]
mod tests {
    use accounts::{Id, RevocationEntry};

    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn events_are_those_of_the_protocol() {
        let id = Id::from_random([1; 16]);
        let entry = RevocationEntry::Session { sub: id, sid: id };
        let news = RevocationNews::Revoked(vec![entry.clone(), entry.clone()]);
        let one = format!("event: revoked\ndata: {{\"sub\":\"{id}\",\"sid\":\"{id}\"}}\n\n");
        assert_eq!(text(&encode_news(&news)), one.repeat(2));
        assert_eq!(
            text(&encode_news(&RevocationNews::Heartbeat(7))),
            "event: heartbeat\ndata: {\"at\":7}\n\n"
        );
        let snapshot = |count| {
            let entries = vec![entry.clone(); count];
            encode_snapshot(&RevocationSnapshot { entries }, Duration::from_secs(1))
        };
        let empty =
            "event: snapshot\ndata: {\"lease_ms\":1000,\"revoked\":[],\"complete\":true}\n\n";
        assert_eq!(snapshot(0).iter().map(text).collect::<Vec<_>>(), [empty]);
        for (entries, events) in [(1, 1), (1000, 1), (1001, 2), (2500, 3)] {
            let encoded = snapshot(entries);
            let complete = encoded
                .iter()
                .filter(|event| text(event).contains("\"complete\":true"));
            assert_eq!((encoded.len(), complete.count()), (events, 1));
            assert!(text(&encoded[events - 1]).contains("\"complete\":true"));
        }
    }
}
