//! The timeout of requests.

use std::{future::Future, pin::Pin};

use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;

use crate::api::{ApiError, Code};

/// How long a response may take, in milliseconds.
const LIMIT: u32 = 20_000;

/// How long a page waits for what it shows, in milliseconds. Then it says so, and offers to try again.
pub const LOADING_LIMIT: u32 = 15_000;

/// Waits for a request, but not longer than [`LIMIT`].
///
/// # Errors
/// Returns the error of the request, or `Code::Unreachable` after the timeout.
pub async fn with_timeout<T>(
    request: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    boxed_with_timeout(LIMIT, Box::pin(request)).await
}

/// Waits for a request, but not longer than this time in milliseconds.
///
/// # Errors
/// Returns the error of the request, or `Code::Unreachable` after the timeout.
pub async fn with_limit<T>(
    limit: u32,
    request: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    boxed_with_timeout(limit, Box::pin(request)).await
}

/// Taking a boxed future, this is compiled once per result type, not once per request.
async fn boxed_with_timeout<T>(
    limit: u32,
    request: Pin<Box<dyn Future<Output = Result<T, ApiError>> + '_>>,
) -> Result<T, ApiError> {
    match select(request, TimeoutFuture::new(limit)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Code::Unreachable.into()),
    }
}
