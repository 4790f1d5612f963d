use axum::response::Response;
use http::{HeaderName, HeaderValue, header};

/// The headers that tell a browser what to refuse on our behalf. Pages bring a
/// Content-Security-Policy of their own; everything else may do nothing at all.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Two years, in seconds.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Which of the headers apply.
#[derive(Clone, Copy)]
pub struct SecurityHeaders {
    is_https: bool,
}

impl SecurityHeaders {
    /// The headers of a server with this public URL.
    pub fn new(public_url: &str) -> Self {
        Self {
            is_https: public_url.starts_with("https://"),
        }
    }
}

/// Adds the security headers to every response.
pub fn security_headers(which: SecurityHeaders, response: &mut Response) {
    let headers = response.headers_mut();
    headers.extend(HEADERS);
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(NOTHING);
    if which.is_https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
}
