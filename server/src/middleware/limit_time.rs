use std::time::Duration;

use app::api::{ApiError, Code};
use axum::response::{IntoResponse, Response};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Gives up on answers that take too long.
pub async fn limit_time(answer: impl Future<Output = Response>) -> Response {
    match tokio::time::timeout(LIMIT, answer).await {
        Ok(response) => response,
        Err(_) => {
            tracing::error!("an answer took too long");
            ApiError::from(Code::Overloaded).into_response()
        }
    }
}
