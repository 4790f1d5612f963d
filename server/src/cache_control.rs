//! How long browsers keep files (RFC 9111).

use http::HeaderValue;

/// For files whose path contains a hash of their content: they never change.
pub const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// For other files, which may change with the next version.
pub const ONE_HOUR: HeaderValue = HeaderValue::from_static("public, max-age=3600");
