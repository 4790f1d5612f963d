//! The time limit of requests.

use std::{future::Future, pin::Pin};

use futures::future::{Either, select};
use gloo_timers::future::TimeoutFuture;

use crate::api::{ApiError, Code};

/// How long an answer may take, in milliseconds.
const LIMIT: u32 = 20_000;

/// Gives up on a request that takes too long: to the person, such a server can't be reached.
///
/// # Errors
/// Those of the request, and `Code::Unreachable` at the limit.
pub async fn within_limit<T>(
    request: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    limit(Box::pin(request)).await
}

/// One function for all requests keeps the WebAssembly small.
async fn limit<T>(
    request: Pin<Box<dyn Future<Output = Result<T, ApiError>> + '_>>,
) -> Result<T, ApiError> {
    match select(request, TimeoutFuture::new(LIMIT)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(Code::Unreachable.into()),
    }
}
