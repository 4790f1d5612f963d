//! What the fuzz targets stand on: all that the server answers, in this process, on a throwaway
//! database, with a clock that is moved by hand. Nothing differs from one run to the next.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use accounts::{
    Accounts, CacheSettings, Clock, Database, DatabaseSettings, DatabaseUrl, Lifetimes,
    MasterSecrets, Random, Settings, Timestamp, TokenAlgorithm,
};
use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use latchkey::{AllowedOrigins, ClientConfig, Metrics, SiteFiles, TrustedProxies};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::macros::datetime;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The server's URL, which its tokens name.
pub const URL: &str = "https://accounts.example.com";

/// The password of all accounts.
pub const PASSWORD: &str = "tall-violet-anchor-92";

const JSON: &str = "application/json";

/// So long that nothing that a target stands on runs out while it runs.
const AGES: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);

/// The server.
pub struct TestEnv {
    runtime: Runtime,
    router: Router,
    clock: ManualClock,
    _folder: TempDir,
}

/// What the server answers.
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

/// What who is signed in has.
pub struct Pair {
    /// The access token.
    pub access: String,
    /// The refresh token.
    pub refresh: String,
}

impl TestEnv {
    /// A server with nobody in it.
    ///
    /// # Panics
    /// Where it can't be started.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let clock = ManualClock(Arc::new(Mutex::new(Timestamp::new(
            datetime!(2026-03-01 12:00 UTC),
        ))));
        let database = DatabaseUrl::sqlite_file(folder.path().join("latchkey.db"));
        let database = runtime.block_on(async {
            let database = Database::open(&database, DatabaseSettings::default())
                .await
                .expect("a database");
            database.migrate().await.expect("tables");
            database
        });
        let accounts = Accounts::new(database, settings(), clock.clone(), Counter(Mutex::new(0)))
            .expect("threads for hashing");
        let metrics = Metrics::new(accounts.clone()).expect("figures");
        let clients = ClientConfig {
            trusted_proxies: TrustedProxies::default(),
            cors_origins: AllowedOrigins::default(),
            rate_limits: false,
            request_timeout: Duration::from_secs(30),
        };
        let package = folder.path().join("site/pkg");
        fs::create_dir_all(&package).expect("a folder for the site");
        for extension in ["js", "wasm", "css"] {
            fs::write(package.join(format!("latchkey.{extension}")), "").expect("a file");
        }
        let site = SiteFiles::find(&folder.path().join("site")).expect("a site");
        let router = {
            let _runtime = runtime.enter();
            latchkey::router(accounts, metrics, site, clients)
        };
        Self {
            runtime,
            router,
            clock,
            _folder: folder,
        }
    }

    /// Answers a request, as far as any request may be answered: without a fault of the server's
    /// own, and in the shape that the API promises.
    ///
    /// # Panics
    /// Otherwise.
    pub fn ask(&self, mut request: Request<Body>) -> Answer {
        // An answer to HEAD has no body.
        let is_api = request.uri().path().starts_with("/api/") && *request.method() != Method::HEAD;
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let answer = self.runtime.block_on(async {
            let Ok(response) = self.router.clone().oneshot(request).await;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.expect("a body that is whole");
            Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes().into(),
            }
        });
        assert!(answer.status.as_u16() < 500, "{}", answer.status);
        assert_eq!(answer.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        if is_api {
            answer.assert_is_of_the_api();
        }
        answer
    }

    /// Posts fields as JSON.
    pub fn post(&self, path: &str, token: Option<&str>, fields: &Value) -> Answer {
        let mut request = request(Method::POST, path, fields.to_string());
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        if let Some(token) = token {
            headers.insert(header::AUTHORIZATION, bearer(token));
        }
        self.ask(request)
    }

    /// Asks with an access token.
    pub fn get(&self, path: &str, token: &str) -> Answer {
        let mut request = request(Method::GET, path, "");
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, bearer(token));
        self.ask(request)
    }

    /// Makes an account.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn register(&self, email: &str) {
        let answer = self.post(
            "/api/user/create",
            None,
            &json!({"email": email, "password": PASSWORD}),
        );
        assert_eq!(answer.status, StatusCode::CREATED);
    }

    /// Signs in.
    ///
    /// # Panics
    /// Where it is refused.
    pub fn sign_in(&self, email: &str) -> Pair {
        self.post(
            "/api/user/login",
            None,
            &json!({"email": email, "password": PASSWORD}),
        )
        .pair()
    }

    /// Makes an account and signs in.
    pub fn sign_up(&self, email: &str) -> Pair {
        self.register(email);
        self.sign_in(email)
    }

    /// Time passes.
    pub fn advance(&self, by: Duration) {
        let mut time = self.clock.0.lock().expect("no panic");
        *time = time.plus(by);
    }

    /// The time, in seconds since 1970.
    pub fn seconds(&self) -> u64 {
        self.clock
            .now()
            .unix_seconds()
            .try_into()
            .unwrap_or_default()
    }
}

impl Default for TestEnv {
    fn default() -> Self {
        Self::new()
    }
}

impl Answer {
    /// The body, which is JSON.
    ///
    /// # Panics
    /// Where it is not.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The tokens that it gives.
    ///
    /// # Panics
    /// Where it gives none.
    #[must_use]
    pub fn pair(&self) -> Pair {
        assert_eq!(self.status, StatusCode::OK);
        let body = self.json();
        let text = |field: &str| body[field].as_str().expect("a text").to_owned();
        Pair {
            access: text("token"),
            refresh: text("refresh_token"),
        }
    }

    fn assert_is_of_the_api(&self) {
        assert_eq!(self.headers[header::CACHE_CONTROL], "no-store");
        if self.status == StatusCode::NO_CONTENT {
            assert!(self.body.is_empty());
            return;
        }
        // What a proxy asks is answered in headers.
        if self.headers.contains_key("x-user-id") {
            assert!(self.status == StatusCode::OK && self.body.is_empty());
            return;
        }
        assert_eq!(self.headers[header::CONTENT_TYPE], JSON);
        let body = self.json();
        if self.status.is_success() {
            return;
        }
        let error = body.as_object().expect("an object");
        if error.contains_key("detail") {
            assert!(error["code"].is_string() && error["detail"].is_string());
            return;
        }
        assert_eq!(self.status, StatusCode::BAD_REQUEST);
        assert!(!error.is_empty());
        for messages in error.values() {
            let messages = messages.as_array().expect("a list");
            assert!(!messages.is_empty() && messages.iter().all(Value::is_string));
        }
    }
}

/// A request, without any header field.
///
/// # Panics
/// Where the path is none.
pub fn request(method: Method, path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .expect("a path")
}

/// The header field by its name and value, where both can be such.
#[must_use]
pub fn field(name: &[u8], value: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(name).ok()?;
    Some((name, HeaderValue::from_bytes(value).ok()?))
}

fn bearer(token: &str) -> HeaderValue {
    HeaderValue::try_from(format!("Bearer {token}")).expect("a token")
}

/// The text with `{name}` replaced by what it stands for, so that seeds and mutations can hold what
/// is only known when the server runs.
#[must_use]
pub fn fill_in(text: &str, names: &[(&str, &str)]) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(name, value)
    })
}

fn settings() -> Settings {
    Settings {
        public_url: URL.into(),
        site_name: None,
        master_secrets: MasterSecrets::parse("a master secret of the fuzz targets")
            .expect("a master secret"),
        token_algorithm: TokenAlgorithm::EdDsa,
        hashing_cost: "m=64,t=1,p=1".parse().expect("a cost"),
        breached_passwords: None,
        lifetimes: Lifetimes {
            access: AGES,
            idle: AGES,
            session: AGES,
            grace: AGES,
            audit: AGES,
        },
        registration: accounts::RegistrationPolicy::Open,
        require_activation: false,
        require_second_factor: accounts::SecondFactorPolicy::Off,
        throttle_failed_sign_ins: true,
        cache: CacheSettings {
            users: 1000,
            lease: Duration::from_secs(1),
        },
        revocation_lease: Duration::from_secs(1),
        webhook_allow_private: false,
        providers: Vec::new(),
    }
}

#[derive(Clone)]
struct ManualClock(Arc<Mutex<Timestamp>>);

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic")
    }

    fn uptime(&self) -> Duration {
        Duration::from_secs(self.now().unix_seconds().try_into().unwrap_or_default())
    }
}

/// Bytes that differ from each other, and not from one run to the next (SplitMix64).
struct Counter(Mutex<u64>);

impl Random for Counter {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.0.lock().expect("no panic");
        for bytes in buffer.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            bytes.copy_from_slice(&mixed.to_le_bytes()[..bytes.len()]);
        }
    }
}
