//! A Latchkey that does what a test says, and a line that can fall silent.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    sync::broadcast,
    task::JoinHandle,
    time::sleep,
};

pub const LEASE: Duration = Duration::from_millis(400);
pub const KEY: &str = "lk_test";
const KID: &str = "the key";

/// What the tests see of it and change.
#[derive(Clone)]
pub struct Latchkey {
    shared: Arc<Shared>,
    pub url: String,
    serving: Arc<Mutex<Option<JoinHandle<()>>>>,
}

struct Shared {
    issuer: String,
    started: Instant,
    /// What is revoked, and the events of the streams, under one lock.
    streams: Mutex<(Vec<Value>, broadcast::Sender<Bytes>)>,
    beats: AtomicBool,
    introspections: AtomicUsize,
}

fn signing_key() -> EncodingKey {
    // RFC 8410: the head of an Ed25519 key, then the key.
    let mut der = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    der.extend([7; 32]);
    EncodingKey::from_ed_der(&der)
}

fn event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}

impl Shared {
    /// An odd time, as only its differences count.
    fn at(&self) -> u64 {
        7 + u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn heartbeat(&self) -> Bytes {
        event("heartbeat", &json!({"at": self.at()}))
    }
}

impl Latchkey {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            issuer: "https://id.example.com".into(),
            started: Instant::now(),
            streams: Mutex::new((vec![], broadcast::Sender::new(65_536))),
            beats: AtomicBool::new(true),
            introspections: AtomicUsize::new(0),
        });
        let this = Self {
            shared,
            url,
            serving: Arc::default(),
        };
        this.serve(listener);
        this
    }

    fn serve(&self, listener: TcpListener) {
        let shared = self.shared.clone();
        let router = Router::new()
            .route("/.well-known/oauth-authorization-server", get(metadata))
            .route("/.well-known/jwks.json", get(keys))
            .route("/api/token/introspect", post(introspect))
            .route("/api/token/revocations", get(revocations))
            .with_state(shared.clone());
        let serving = tokio::spawn(async move {
            let beating = async {
                loop {
                    sleep(LEASE / 5).await;
                    if shared.beats.load(Ordering::SeqCst) {
                        let heartbeat = shared.heartbeat();
                        let _ = shared.streams.lock().unwrap().1.send(heartbeat);
                    }
                }
            };
            tokio::select! {
                result = axum::serve(listener, router) => result.unwrap(),
                () = beating => {}
            }
        });
        *self.serving.lock().unwrap() = Some(serving);
    }

    /// Ends all streams and accepts no more connections.
    pub fn kill(&self) {
        if let Some(serving) = self.serving.lock().unwrap().take() {
            serving.abort();
        }
        self.shared.streams.lock().unwrap().1 = broadcast::Sender::new(65_536);
    }

    pub async fn restart(&self) {
        let address = self.url.trim_start_matches("http://");
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        };
        self.serve(listener);
    }

    pub fn set_beats(&self, beats: bool) {
        self.shared.beats.store(beats, Ordering::SeqCst);
    }

    pub fn revoke(&self, entry: Value) {
        let mut streams = self.shared.streams.lock().unwrap();
        let _ = streams.1.send(event("revoked", &entry));
        streams.0.push(entry);
    }

    pub fn introspections(&self) -> usize {
        self.shared.introspections.load(Ordering::SeqCst)
    }

    pub fn streams(&self) -> usize {
        self.shared.streams.lock().unwrap().1.receiver_count()
    }

    /// An access token of a session.
    pub fn token(&self, sid: &str) -> String {
        let now = i64::try_from(jsonwebtoken::get_current_timestamp()).unwrap();
        let issuer = &self.shared.issuer;
        let claims = json!({
            "iss": issuer, "aud": issuer, "sub": "ada", "sid": sid, "token_type": "access",
            "amr": ["pwd"], "iat": now, "exp": now + 900, "jti": "j", "gen": "g",
        });
        let header = Header {
            kid: Some(KID.into()),
            ..Header::new(Algorithm::EdDSA)
        };
        encode(&header, &claims, &signing_key()).unwrap()
    }
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"issuer": shared.issuer}))
}

async fn keys() -> Json<Value> {
    let mut jwk = Jwk::from_encoding_key(&signing_key(), Algorithm::EdDSA).unwrap();
    jwk.common.key_id = Some(KID.into());
    Json(json!({"keys": [jwk]}))
}

async fn introspect(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.introspections.fetch_add(1, Ordering::SeqCst);
    Json(json!({
        "active": true, "iss": shared.issuer, "sub": "ada", "sid": "s", "token_type": "access",
        "amr": ["pwd"], "iat": 1, "exp": 2, "jti": "j",
    }))
}

async fn revocations(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    let expected = format!("Bearer {KEY}");
    if headers.get("authorization").map(|value| value.as_bytes()) != Some(expected.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // As without its database.
    if !shared.beats.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let at = shared.at().to_string();
    let (first, news) = {
        let streams = shared.streams.lock().unwrap();
        let lease = u64::try_from(LEASE.as_millis()).unwrap();
        let count = streams.0.len().div_ceil(1000).max(1);
        let mut first: Vec<Bytes> = (0..count)
            .map(|number| {
                let part = streams.0.iter().skip(1000 * number).take(1000);
                let part: Vec<_> = part.cloned().collect();
                let is_last = number + 1 == count;
                let data = json!({"lease_ms": lease, "revoked": part, "complete": is_last});
                event("snapshot", &data)
            })
            .collect();
        first.push(shared.heartbeat());
        (first, streams.1.subscribe())
    };
    let first = stream::iter(first.into_iter().map(Ok::<_, Infallible>));
    let news = stream::unfold(news, |mut news| async {
        let event = news.recv().await.ok()?;
        Some((Ok(event), news))
    });
    let body = Body::from_stream(futures_util::StreamExt::chain(first, news));
    (
        [
            ("latchkey-at", at),
            ("latchkey-token-lifetime", "900".into()),
        ],
        body,
    )
        .into_response()
}

/// A line to a server that can fall silent without closing anything.
pub struct Line {
    pub url: String,
    is_silent: Arc<AtomicBool>,
}

impl Line {
    pub async fn to(url: &str) -> Self {
        let address = url.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_silent = Arc::new(AtomicBool::new(false));
        let silent = is_silent.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(&address).await else {
                    continue;
                };
                let ((from_client, to_client), (from_server, to_server)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(copy(from_client, to_server, silent.clone()));
                tokio::spawn(copy(from_server, to_client, silent.clone()));
            }
        });
        Self { url, is_silent }
    }

    pub fn set_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::SeqCst);
    }
}

async fn copy(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, silent: Arc<AtomicBool>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        while silent.load(Ordering::SeqCst) {
            sleep(Duration::from_millis(2)).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
