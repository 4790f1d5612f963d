//! Requests to Latchkey.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Deserialize, de::DeserializeOwned};
use url::Url;

use crate::error::ConnectError;

/// How long a request may take; of the stream, up to the head of the response.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection that nobody uses stays open. Shorter than servers and proxies keep it.
const IDLE: Duration = Duration::from_secs(10);

/// The maximum size of a response in bytes.
const LIMIT: usize = 1024 * 1024;

/// A request has failed. There is nothing secret in it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("{0}")]
    Transport(String),
    #[error("the response took too long")]
    Timeout,
    #[error("the stream has ended")]
    Ended,
    #[error("heartbeats arrive too late")]
    Late,
    #[error("the response has the status {0}")]
    Status(StatusCode),
    #[error("the response is not what it should be")]
    Malformed,
}

/// Latchkey, as this service reaches it.
pub(crate) struct Latchkey {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Without a slash at the end.
    base: String,
    authorization: HeaderValue,
}

/// What an introspection says (RFC 7662).
#[derive(Deserialize)]
pub(crate) struct Introspection<T> {
    pub active: bool,
    #[serde(flatten)]
    pub claims: Option<T>,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
}

impl Latchkey {
    pub fn new(url: &str, key: &str) -> Result<Self, ConnectError> {
        let url = Url::parse(url).map_err(|_| ConnectError::Url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(ConnectError::Url);
        }
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", key.trim()))
            .map_err(|_| ConnectError::Key)?;
        authorization.set_sensitive(true);
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(TIMEOUT));
        let connector = HttpsConnectorBuilder::new();
        let ring = rustls::crypto::ring::default_provider();
        let connector = if url.scheme() == "https" {
            let connector = connector.with_provider_and_native_roots(ring);
            connector.map_err(ConnectError::Certificates)?.https_only()
        } else {
            // A container may have no certificates, and then needs none.
            let none = rustls::RootCertStore::empty();
            let tls = rustls::ClientConfig::builder_with_provider(ring.into())
                .with_safe_default_protocol_versions()
                .map_err(|error| ConnectError::Certificates(std::io::Error::other(error)))?
                .with_root_certificates(none)
                .with_no_client_auth();
            connector.with_tls_config(tls).https_or_http()
        };
        let connector = connector.enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self {
            client,
            base: url.as_str().trim_end_matches('/').to_owned(),
            authorization,
        })
    }

    /// Returns the issuer, as Latchkey's metadata says (RFC 8414).
    pub async fn issuer(&self) -> Result<String, RequestError> {
        let request = self.get("/.well-known/oauth-authorization-server");
        let (metadata, _): (Metadata, _) = self.json(request).await?;
        Ok(metadata.issuer)
    }

    /// Returns the key set (RFC 7517), and for how long it may be used.
    pub async fn keys<T: DeserializeOwned>(&self) -> Result<(T, Option<Duration>), RequestError> {
        let (keys, headers) = self.json(self.get("/.well-known/jwks.json")).await?;
        Ok((keys, max_age(&headers)))
    }

    /// Asks about a token.
    pub async fn introspect<T: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<Introspection<T>, RequestError> {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("token", token)
            .finish();
        let request = Request::post(format!("{}/api/token/introspect", self.base))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Full::from(form));
        Ok(self.json(request).await?.0)
    }

    /// Opens the stream of revocations.
    pub async fn revocations(&self) -> Result<Response<Incoming>, RequestError> {
        let request = Request::get(format!("{}/api/token/revocations", self.base))
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::ACCEPT, "text/event-stream")
            .body(Full::default());
        tokio::time::timeout(TIMEOUT, self.send(request))
            .await
            .map_err(|_| RequestError::Timeout)?
    }

    fn get(&self, path: &str) -> http::Result<Request<Full<Bytes>>> {
        Request::get(format!("{}{path}", self.base)).body(Full::default())
    }

    async fn send(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<Response<Incoming>, RequestError> {
        let request = request.map_err(|_| RequestError::Malformed)?;
        let response = self.client.request(request).await;
        let response = response.map_err(|error| RequestError::Transport(in_words(&error)))?;
        match response.status() {
            StatusCode::OK => Ok(response),
            status => Err(RequestError::Status(status)),
        }
    }

    async fn json<T: DeserializeOwned>(
        &self,
        request: http::Result<Request<Full<Bytes>>>,
    ) -> Result<(T, HeaderMap), RequestError> {
        let request = async {
            let (head, body) = self.send(request).await?.into_parts();
            let body = Limited::new(body, LIMIT).collect().await;
            let body = body.map_err(|error| RequestError::Transport(error.to_string()))?;
            let value = serde_json::from_slice(&body.to_bytes());
            Ok((value.map_err(|_| RequestError::Malformed)?, head.headers))
        };
        tokio::time::timeout(TIMEOUT, request)
            .await
            .map_err(|_| RequestError::Timeout)?
    }
}

/// Returns an error with its causes, as hyper's own text only names the step.
fn in_words(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Reads `max-age` from `Cache-Control` (RFC 9111, 5.2).
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get(header::CACHE_CONTROL)?.to_str().ok()?;
    let mut ages = directives.split(',').filter_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        let seconds = value.trim_matches('"').parse().ok()?;
        name.eq_ignore_ascii_case("max-age").then_some(seconds)
    });
    ages.next().map(Duration::from_secs)
}
