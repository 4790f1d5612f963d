//! The time limit of requests.

use std::time::Duration;

use app::api::{ApiError, Code};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Responds with 503 to requests that take longer than the limit. tower-http's timeout layer has
/// no body for its response.
pub async fn limit_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            // The span of the request names the route.
            tracing::error!("request timed out");
            ApiError::from(Code::Overloaded).into_response()
        }
    }
}
