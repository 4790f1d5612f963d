//! The probes for load balancers and orchestrators.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use accounts::{Accounts, Readiness};
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{StatusCode, header};
use serde_json::json;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

/// How long the database may take to respond to `/readyz`.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a result is given to other probes. It bounds how often they make the server write.
const FRESH: Duration = Duration::from_secs(1);

/// The same for a success after which a request has failed.
const DOUBTED: Duration = Duration::from_millis(100);

/// How long the server counts as ready after the last write while another program keeps a SQLite file
/// locked. Requests wait for such a lock; some time later they fail.
const LOCK_LIMIT: Duration = Duration::from_secs(15);

/// What the last check of the database has found. Probes that arrive together share a check.
pub struct Probe {
    accounts: Accounts,
    last: Mutex<Last>,
    is_doubted: AtomicBool,
}

#[derive(Default)]
struct Last {
    check: Option<(Instant, bool)>,
    write: Option<Instant>,
}

/// Returns the routes of the probes.
pub fn router(probe: Arc<Probe>) -> Router {
    Router::new()
        .route("/healthz", get(async || Json(json!({ "status": "ok" }))))
        .route("/readyz", get(ready))
        .with_state(probe)
}

/// `GET /readyz`: 200 when the database can be read and written, 503 otherwise.
async fn ready(State(probe): State<Arc<Probe>>) -> Response {
    if timeout(READY_TIMEOUT, probe.is_ready()).await == Ok(true) {
        return Json(json!({ "status": "ok" })).into_response();
    }
    let body = Json(json!({ "status": "database unavailable" }));
    let retry = [(header::RETRY_AFTER, "1")];
    (StatusCode::SERVICE_UNAVAILABLE, retry, body).into_response()
}

impl Probe {
    /// Creates the probe of a server.
    pub fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            last: Mutex::default(),
            is_doubted: AtomicBool::new(false),
        }
    }

    /// Notes the response to a request of the API.
    pub fn note(&self, response: &Response) {
        if response.status() == StatusCode::SERVICE_UNAVAILABLE {
            self.is_doubted.store(true, Ordering::Relaxed);
        }
    }

    async fn is_ready(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, is_ready)) = last.check {
            let is_doubted = is_ready && self.is_doubted.load(Ordering::Relaxed);
            if at.elapsed() < if is_doubted { DOUBTED } else { FRESH } {
                return is_ready;
            }
        }
        self.is_doubted.store(false, Ordering::Relaxed);
        let result = self.accounts.check_database().await;
        let is_ready = match &result {
            Ok(Readiness::Writable) => {
                last.write = Some(Instant::now());
                true
            }
            Ok(Readiness::Locked) => last.write.is_some_and(|at| at.elapsed() < LOCK_LIMIT),
            Err(_) => false,
        };
        if let Err(error) = &result {
            tracing::warn!(%error, "not ready: the database can't be written");
        }
        last.check = Some((Instant::now(), is_ready));
        is_ready
    }
}
