//! Cross-origin resource sharing: which other origins' scripts may call the API.

use std::{convert::Infallible, str::FromStr, sync::Arc, time::Duration};

use axum::{extract::Request, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::CorsLayer;
use url::Url;

use super::X_REQUEST_ID;

/// A wrong method has its response in the usual form, so none is kept from scripts.
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PATCH, Method::DELETE];

/// What a request may carry besides what every page can send anywhere.
const REQUEST_HEADERS: [HeaderName; 2] = [header::AUTHORIZATION, header::CONTENT_TYPE];

/// What scripts may read besides what they always can.
const RESPONSE_HEADERS: [HeaderName; 3] =
    [header::RETRY_AFTER, header::WWW_AUTHENTICATE, X_REQUEST_ID];

/// How long browsers remember the response to a preflight.
const MAX_AGE: Duration = Duration::from_secs(10 * 60);

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The origins whose scripts may call the API.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Arc<[HeaderValue]>);

/// Why a text in the list is no origin.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// Credentials would be sent for any page on the internet.
    #[error("{0} would allow every website; name each origin, such as https://app.example.com")]
    Everybody(String),
    /// A browser writes it in another way, so it would never match.
    #[error("write {0} as {1}")]
    Spelling(String, String),
    /// Anything else.
    #[error("{0} is no origin; write it as <scheme>://<host>, such as https://app.example.com")]
    Syntax(String),
}

impl FromStr for AllowedOrigins {
    type Err = InvalidOrigin;

    /// Parses a comma-separated list of origins as browsers serialize them (RFC 6454, 6.2), also with
    /// schemes of apps, such as `tauri://localhost`.
    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let entries = list.split(',').map(str::trim);
        let origins = entries.filter(|text| !text.is_empty()).map(origin);
        Ok(Self(origins.collect::<Result<_, _>>()?))
    }
}

fn origin(text: &str) -> Result<HeaderValue, InvalidOrigin> {
    if text == "null" || text.contains('*') {
        return Err(InvalidOrigin::Everybody(text.to_owned()));
    }
    let invalid = || InvalidOrigin::Syntax(text.to_owned());
    let url = Url::parse(text).map_err(|_| invalid())?;
    let host = url.host_str().ok_or_else(invalid)?;
    let has_more = !matches!(url.path(), "" | "/")
        || url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some();
    if has_more || host.is_empty() {
        return Err(invalid());
    }
    let origin = match url.origin() {
        origin @ url::Origin::Tuple(..) => origin.ascii_serialization(),
        // The standard leaves other schemes to the browser, which writes them in the same way.
        url::Origin::Opaque(_) => {
            let port = url.port().map(|port| format!(":{port}"));
            let host = host.to_ascii_lowercase();
            format!("{}://{host}{}", url.scheme(), port.unwrap_or_default())
        }
    };
    if origin == text {
        HeaderValue::from_str(text).map_err(|_| invalid())
    } else {
        Err(InvalidOrigin::Spelling(text.to_owned(), origin))
    }
}

impl AllowedOrigins {
    /// Whether a request comes from a page of one of these origins.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let origin = headers.get(header::ORIGIN);
        origin.is_some_and(|origin| self.0.contains(origin))
    }
}

/// The rules for the allowed origins.
#[derive(Clone)]
pub struct Cors {
    origins: AllowedOrigins,
    layer: CorsLayer,
}

impl Cors {
    /// The rules if these are the allowed origins, or `None` if there are none.
    pub fn new(origins: &AllowedOrigins) -> Option<Self> {
        let layer = CorsLayer::new()
            .allow_origin(origins.0.to_vec())
            .allow_credentials(true)
            .allow_methods(METHODS)
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(RESPONSE_HEADERS)
            .max_age(MAX_AGE)
            // Every response varies, also one that this layer does not see.
            .vary([header::ORIGIN; 0]);
        let origins = origins.clone();
        (!origins.0.is_empty()).then_some(Self { origins, layer })
    }

    /// Responds to a request. Scripts of allowed origins may read the responses of the API and of
    /// `/.well-known`, errors included, and preflights of their browsers succeed. Other origins get no
    /// such header, and a preflight of theirs is a wrong method: tower-http's layer, which answers every
    /// `OPTIONS`, never sees them.
    pub async fn respond<F>(
        &self,
        request: Request,
        respond: impl FnOnce(Request) -> F + Clone,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let path = request.uri().path();
        let is_covered =
            path == "/api" || path.starts_with("/api/") || path.starts_with("/.well-known/");
        if !is_covered {
            return respond(request).await;
        }
        let headers = request.headers();
        let is_options = request.method() == Method::OPTIONS;
        let is_preflight =
            is_options && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let is_allowed = self.origins.allow(headers) && is_options == is_preflight;
        let mut response = if is_allowed {
            let respond = service_fn(|request| {
                let response = respond.clone()(request);
                async { Ok::<_, Infallible>(response.await) }
            });
            let Ok(response) = self.layer.layer(respond).oneshot(request).await;
            response
        } else {
            respond(request).await
        };
        if is_allowed && is_preflight {
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
                .headers_mut()
                .insert(header::CACHE_CONTROL, NO_STORE);
        }
        response.headers_mut().append(header::VARY, ORIGIN);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<Vec<String>, InvalidOrigin> {
        let origins = list.parse::<AllowedOrigins>()?;
        let text = |origin: &HeaderValue| origin.to_str().map(str::to_owned);
        Ok(origins.0.iter().flat_map(text).collect())
    }

    #[test]
    fn origins_are_those_that_browsers_send() {
        assert_eq!(parse(""), Ok(vec![]));
        let list = "https://app.example.com, http://localhost:5173,http://[::1]:8080,\
            tauri://localhost,capacitor://localhost,chrome-extension://abcdefgh,https://xn--tst-qla.de";
        let expected: Vec<_> = list.split(',').map(str::trim).collect();
        assert_eq!(
            parse(list),
            Ok(expected.iter().map(ToString::to_string).collect())
        );
        for everybody in ["*", "null", "https://*.example.com", "https://a.example,*"] {
            let parsed = parse(everybody);
            assert!(
                matches!(parsed, Err(InvalidOrigin::Everybody(_))),
                "{everybody}"
            );
        }
        for (spelling, origin) in [
            ("https://app.example.com/", "https://app.example.com"),
            ("https://App.Example.com", "https://app.example.com"),
            ("HTTPS://app.example.com", "https://app.example.com"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("https://täst.de", "https://xn--tst-qla.de"),
            ("tauri://Localhost", "tauri://localhost"),
            ("tauri://localhost/", "tauri://localhost"),
        ] {
            let expected = InvalidOrigin::Spelling(spelling.to_owned(), origin.to_owned());
            assert_eq!(parse(spelling), Err(expected));
        }
        for invalid in [
            "app.example.com",
            "localhost:5173",
            "https://",
            "file:///",
            "https://app.example.com/path",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://ada@app.example.com",
            "mailto:ada@example.com",
            "tauri:localhost",
        ] {
            let parsed = parse(invalid);
            assert!(
                matches!(parsed, Err(InvalidOrigin::Syntax(_))),
                "{invalid} {parsed:?}"
            );
        }
    }
}
