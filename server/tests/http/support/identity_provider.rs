//! A provider of identities, which can be made to misbehave: an OpenID Connect issuer, and GitHub's endpoints
//! as its documentation describes them. The test plays its user, by following the redirect to it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, UNIX_EPOCH},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{net::TcpListener, runtime::Runtime};
use url::{Url, form_urlencoded};

pub const CLIENT_ID: &str = "latchkey";
pub const CLIENT_SECRET: &str = "hush-hush & more";

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The ID token names another issuer, client or nonce.
    OtherIssuer,
    OtherAudience,
    OtherNonce,
    /// The ID token has expired.
    Expired,
    /// The ID token is signed with another key under the same name.
    OtherKey,
    /// The ID token is not signed.
    Unsigned,
    /// The ID token is signed with the client secret.
    Symmetric,
    /// There is no ID token.
    NoIdToken,
    /// Every request gets this status, a redirect to itself, a response without an end, or none.
    Status(u16),
    Redirect,
    Endless,
    Silent,
}

/// What the provider says of its user.
#[derive(Clone, Debug)]
pub struct Account {
    pub subject: String,
    pub email: Option<String>,
    pub email_verified: bool,
    pub name: Option<String>,
}

impl Account {
    /// An account with this verified email address.
    pub fn verified(subject: &str, email: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            email: Some(email.to_owned()),
            email_verified: true,
            name: None,
        }
    }

    /// An account with this email address, which the provider has not verified.
    pub fn unverified(subject: &str, email: &str) -> Self {
        Self {
            email_verified: false,
            ..Self::verified(subject, email)
        }
    }
}

struct Key {
    id: String,
    pair: KeyPair,
}

impl Key {
    fn new(id: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        let id = id.to_owned();
        Self { id, pair }
    }

    fn public(&self) -> Value {
        // The uncompressed point.
        let (_, point) = self.pair.public_key_raw().split_at(1);
        let (x, y) = point.split_at(32);
        let encode = |part| BASE64_URL_SAFE_NO_PAD.encode(part);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
            "kid": self.id, "x": encode(x), "y": encode(y)})
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header {
            kid: Some(self.id.clone()),
            ..Header::new(Algorithm::ES256)
        };
        let key = EncodingKey::from_ec_der(&self.pair.serialize_der());
        encode(&header, claims, &key).expect("a token")
    }
}

/// A code that was issued.
struct Grant {
    account: Account,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Shared {
    url: String,
    key: Key,
    fault: Fault,
    /// Whether ID tokens have the email address, or only the UserInfo endpoint has.
    email_in_id_token: bool,
    /// Whether it announces that it names itself in responses.
    names_itself: bool,
    codes: HashMap<String, Grant>,
    tokens: HashMap<String, Account>,
    issued: usize,
    /// The paths that were requested.
    requests: Vec<String>,
}

type Handle = Arc<Mutex<Shared>>;

/// The provider, on its own port.
pub struct IdentityProvider {
    shared: Handle,
    _runtime: Runtime,
}

impl IdentityProvider {
    /// Starts a provider.
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared {
            url: format!("http://{address}"),
            key: Key::new("first"),
            fault: Fault::None,
            email_in_id_token: true,
            names_itself: true,
            codes: HashMap::new(),
            tokens: HashMap::new(),
            issued: 0,
            requests: Vec::new(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .route("/login/oauth/access_token", post(github_token))
            .route("/api/v3/user", get(github_user))
            .route("/api/v3/user/emails", get(github_emails))
            .with_state(shared.clone());
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self {
            shared,
            _runtime: runtime,
        }
    }

    /// Its issuer.
    pub fn url(&self) -> String {
        self.lock().url.clone()
    }

    /// Makes it misbehave from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.lock().fault = fault;
    }

    /// Makes it name email addresses at the UserInfo endpoint only.
    pub fn hide_email(&self) {
        self.lock().email_in_id_token = false;
    }

    /// Makes it like those that do not know RFC 9207.
    pub fn be_nameless(&self) {
        self.lock().names_itself = false;
    }

    /// Replaces the key that signs.
    pub fn rotate_key(&self) {
        self.lock().key = Key::new("second");
    }

    /// Returns how often a path was requested.
    pub fn requests(&self, path: &str) -> usize {
        let shared = self.lock();
        shared
            .requests
            .iter()
            .filter(|known| *known == path)
            .count()
    }

    /// The user agrees: returns the path and query with which the provider leads the browser back. `location` is
    /// where the browser was sent.
    #[track_caller]
    pub fn agree(&self, location: &str, account: &Account) -> String {
        let url = Url::parse(location).expect("a URL");
        let parameter = |name: &str| {
            let mut pairs = url.query_pairs();
            let found = pairs.find(|(other, _)| other == name);
            found.map_or_else(String::new, |(_, value)| value.into_owned())
        };
        let mut shared = self.lock();
        assert!(location.starts_with(&shared.url), "{location}");
        assert_eq!(parameter("client_id"), CLIENT_ID, "{location}");
        assert_eq!(parameter("code_challenge_method"), "S256", "{location}");
        shared.issued += 1;
        let code = format!("code-{}", shared.issued);
        let grant = Grant {
            account: account.clone(),
            nonce: parameter("nonce"),
            challenge: parameter("code_challenge"),
            redirect_uri: parameter("redirect_uri"),
        };
        let callback = Url::parse(&grant.redirect_uri).expect("a URL");
        shared.codes.insert(code.clone(), grant);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("code", &code);
        query.append_pair("state", &parameter("state"));
        if shared.names_itself {
            query.append_pair("iss", &shared.url);
        }
        format!("{}?{}", callback.path(), query.finish())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no panic")
    }
}

/// Notes a request, and returns the response of a provider that does not work.
async fn note(shared: &Handle, path: &str) -> Option<Response> {
    let (fault, url) = {
        let mut shared = shared.lock().expect("no panic");
        shared.requests.push(path.to_owned());
        (shared.fault, shared.url.clone())
    };
    match fault {
        Fault::Status(status) => Some(
            StatusCode::from_u16(status)
                .expect("a status")
                .into_response(),
        ),
        Fault::Redirect => {
            let location = [(header::LOCATION, format!("{url}{path}?again"))];
            Some((StatusCode::FOUND, location).into_response())
        }
        Fault::Endless => {
            let content_type = [(header::CONTENT_TYPE, "application/json")];
            Some((content_type, " ".repeat(1024 * 1024)).into_response())
        }
        Fault::Silent => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Some(StatusCode::OK.into_response())
        }
        _ => None,
    }
}

async fn discovery(State(shared): State<Handle>) -> Response {
    if let Some(failure) = note(&shared, "/.well-known/openid-configuration").await {
        return failure;
    }
    let shared = shared.lock().expect("no panic");
    let url = &shared.url;
    axum::Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "userinfo_endpoint": format!("{url}/userinfo"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": shared.names_itself,
    }))
    .into_response()
}

async fn keys(State(shared): State<Handle>) -> Response {
    if let Some(failure) = note(&shared, "/keys").await {
        return failure;
    }
    let shared = shared.lock().expect("no panic");
    axum::Json(json!({"keys": [shared.key.public()]})).into_response()
}

fn form(body: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(body).into_owned().collect()
}

impl Shared {
    /// Uses up a code, if everything else of the request is right, too.
    fn redeem(&mut self, form: &HashMap<String, String>) -> Option<(String, Grant)> {
        let grant = self.codes.remove(form.get("code")?)?;
        let challenge = Sha256::digest(form.get("code_verifier")?);
        let is_right = BASE64_URL_SAFE_NO_PAD.encode(challenge) == grant.challenge
            && form.get("redirect_uri") == Some(&grant.redirect_uri);
        let token = format!("token-{}", self.issued);
        self.tokens.insert(token.clone(), grant.account.clone());
        is_right.then_some((token, grant))
    }

    fn id_token(&self, grant: &Grant) -> String {
        let now = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs();
        let or = |fault, other: &str, right: &str| {
            let value = if self.fault == fault { other } else { right };
            value.to_owned()
        };
        let mut claims = json!({
            "iss": or(Fault::OtherIssuer, "https://other.example.com", &self.url),
            "aud": or(Fault::OtherAudience, "another client", CLIENT_ID),
            "nonce": or(Fault::OtherNonce, "another nonce", &grant.nonce),
            "sub": grant.account.subject,
            "iat": now - 7200,
            "exp": if self.fault == Fault::Expired { now - 3600 } else { now + 300 },
        });
        if self.email_in_id_token {
            add_profile(&mut claims, &grant.account);
        }
        match self.fault {
            Fault::OtherKey => Key::new(&self.key.id).sign(&claims),
            Fault::Unsigned => {
                let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
                format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims))
            }
            Fault::Symmetric => {
                let key = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
                encode(&Header::new(Algorithm::HS256), &claims, &key).expect("a token")
            }
            _ => self.key.sign(&claims),
        }
    }
}

fn add_profile(claims: &mut Value, account: &Account) {
    if let Some(email) = &account.email {
        claims["email"] = json!(email);
        claims["email_verified"] = json!(account.email_verified);
    }
    if let Some(name) = &account.name {
        claims["name"] = json!(name);
    }
}

async fn token(State(shared): State<Handle>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(failure) = note(&shared, "/token").await {
        return failure;
    }
    let mut shared = shared.lock().expect("no panic");
    // RFC 6749, 2.3.1: both are encoded as in a form first.
    let credentials = "latchkey:hush-hush+%26+more";
    let expected = base64::prelude::BASE64_STANDARD.encode(credentials);
    let is_client = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == format!("Basic {expected}").as_bytes());
    let redeemed = shared.redeem(&form(&body)).filter(|_| is_client);
    let Some((token, grant)) = redeemed else {
        let refusal = axum::Json(json!({"error": "invalid_grant"}));
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    };
    let mut response = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    if shared.fault != Fault::NoIdToken {
        response["id_token"] = json!(shared.id_token(&grant));
    }
    axum::Json(response).into_response()
}

/// The account that a request names with its access token.
fn account(shared: &Shared, headers: &HeaderMap) -> Option<Account> {
    let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    shared.tokens.get(token.strip_prefix("Bearer ")?).cloned()
}

async fn user_info(State(shared): State<Handle>, headers: HeaderMap) -> Response {
    if let Some(failure) = note(&shared, "/userinfo").await {
        return failure;
    }
    let shared = shared.lock().expect("no panic");
    let Some(account) = account(&shared, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let mut claims = json!({"sub": account.subject});
    add_profile(&mut claims, &account);
    axum::Json(claims).into_response()
}

async fn github_token(State(shared): State<Handle>, body: Bytes) -> Response {
    if let Some(failure) = note(&shared, "/login/oauth/access_token").await {
        return failure;
    }
    let mut shared = shared.lock().expect("no panic");
    let form = form(&body);
    let is = |name: &str, value| form.get(name).map(String::as_str) == Some(value);
    let is_client = is("client_id", CLIENT_ID) && is("client_secret", CLIENT_SECRET);
    let redeemed = shared.redeem(&form).filter(|_| is_client);
    // Errors have status 200, too.
    axum::Json(match redeemed {
        Some((token, _)) => {
            json!({"access_token": token, "scope": "user:email", "token_type": "bearer"})
        }
        None => json!({
            "error": "bad_verification_code",
            "error_description": "The code passed is incorrect or expired.",
        }),
    })
    .into_response()
}

async fn github_user(State(shared): State<Handle>, headers: HeaderMap) -> Response {
    let shared = shared.lock().expect("no panic");
    let Some(account) = account(&shared, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let id: u64 = account.subject.parse().expect("GitHub's ids are numbers");
    axum::Json(json!({"login": "ada", "id": id, "name": account.name, "email": null}))
        .into_response()
}

async fn github_emails(State(shared): State<Handle>, headers: HeaderMap) -> Response {
    let shared = shared.lock().expect("no panic");
    let Some(account) = account(&shared, &headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let address = |email: &str, primary, verified| json!({"email": email, "primary": primary, "verified": verified, "visibility": null});
    let mut emails = vec![address("other@example.com", false, true)];
    if let Some(email) = &account.email {
        emails.push(address(email, true, account.email_verified));
    }
    axum::Json(json!(emails)).into_response()
}
