use std::time::Duration;

use app::api::{ApiError, Code};
use axum::response::{IntoResponse, Response};

/// Gives up on answers that take too long.
pub async fn limit_time(limit: Duration, answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(limit, answer).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("an answer took too long");
            ApiError::from(Code::Overloaded).into_response()
        }
    }
}
