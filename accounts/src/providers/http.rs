//! How providers are asked: over connections of their own, without redirects, with limits on time and size.

use std::{future::Future, pin::Pin, time::Duration};

use http::{Request, header};
use http_body_util::Full;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};

use super::ProviderError;
use crate::webhooks::{
    client::{Client, SendError},
    target::Target,
};

/// How long one request may take. A sign-in takes up to four, and less than a request may take here.
const TIMEOUT: Duration = Duration::from_secs(6);

/// The longest response, in bytes. The keys of a provider have some kilobytes.
const BODY_LIMIT: usize = 256 * 1024;

/// Sends requests to a provider, which the operator has chosen, so that its address may be a private one.
pub(super) struct HttpClient {
    client: Client,
    allows_http: bool,
}

impl HttpClient {
    /// Creates a client, which does without TLS only if `allows_http`.
    pub fn new(allows_http: bool) -> Self {
        Self {
            client: Client::new(true),
            allows_http,
        }
    }

    /// Whether this client would send a request to this URL.
    pub fn allows(&self, url: &str) -> bool {
        Target::parse(url, true).is_ok_and(|target| target.is_secure() || self.allows_http)
    }

    /// Sends a request. The response may have any status.
    pub async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let url = request.uri().to_string();
        let target = Target::parse(&url, true).map_err(|_| SendError::Invalid)?;
        if !target.is_secure() && !self.allows_http {
            return Err(SendError::Invalid);
        }
        let request = relative(&target, request).map_err(|_| SendError::Invalid)?;
        let client = &self.client;
        client.fetch(&target, request, BODY_LIMIT, TIMEOUT).await
    }

    /// Sends a request for JSON, and reads the response, whose status must be 200.
    pub async fn fetch_json<T: serde::de::DeserializeOwned>(
        &self,
        request: http::Result<HttpRequest>,
    ) -> Result<T, ProviderError> {
        let request = request.map_err(|_| SendError::Invalid);
        let response = match request {
            Ok(request) => self.fetch(request).await,
            Err(error) => Err(error),
        };
        let response = response.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        if response.status() != http::StatusCode::OK {
            let reason = format!("status {}", response.status().as_u16());
            return Err(ProviderError::Unavailable(reason));
        }
        // The error of serde would quote from the response.
        serde_json::from_slice(response.body())
            .map_err(|_| ProviderError::Refused("its JSON can't be read".to_owned()))
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = SendError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SendError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}

/// The request as it is sent over a connection to its host.
fn relative(target: &Target, request: HttpRequest) -> http::Result<Request<Full<bytes::Bytes>>> {
    let (head, body) = request.into_parts();
    let mut relative = Request::builder()
        .method(head.method)
        .uri(target.path_and_query())
        .body(Full::new(body.into()))?;
    *relative.headers_mut() = head.headers;
    let agent = concat!("Latchkey/", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        (header::HOST, target.authority()),
        (header::USER_AGENT, agent),
        (header::CONNECTION, "close"),
    ] {
        relative.headers_mut().insert(name, value.try_into()?);
    }
    Ok(relative)
}
