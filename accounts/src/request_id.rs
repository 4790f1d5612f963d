//! The id of the request that the current task responds to. Audit events keep it, so that each leads to the log
//! lines of its request.

use tokio::task::futures::TaskLocalFuture;

tokio::task_local! {
    static REQUEST_ID: Box<str>;
}

/// Runs a future that responds to the request with this id.
pub fn with_request_id<F: Future>(id: Box<str>, future: F) -> TaskLocalFuture<Box<str>, F> {
    REQUEST_ID.scope(id, future)
}

/// Returns the id of the current request; `None` for commands and background tasks.
pub(crate) fn request_id() -> Option<String> {
    REQUEST_ID.try_with(|id| id.to_string()).ok()
}
