//! Metrics in the text format of Prometheus.

use std::{sync::Arc, time::Duration};

use accounts::Accounts;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{Method, StatusCode, header};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

/// The upper bounds of the latency buckets, in seconds.
const LATENCY_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The label of uncommon methods, so that clients cannot create labels.
const OTHER_METHOD: &str = "other";

/// The metrics of one server. Clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    registry: Registry,
    requests: IntCounterVec,
    latencies: HistogramVec,
}

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// Fails if two metrics have the same name.
    pub fn new(accounts: Accounts) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new(
                "latchkey_http_requests_total",
                "Total number of HTTP requests, by method, route and response status.",
            ),
            &["method", "route", "status"],
        )?;
        let latencies = HistogramVec::new(
            HistogramOpts::new(
                "latchkey_http_request_duration_seconds",
                "Time from receiving the head of a request to sending the head of its response, by method and route.",
            )
            .buckets(LATENCY_BUCKETS.to_vec()),
            &["method", "route"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(latencies.clone()))?;
        accounts.register_metrics(&registry)?;
        Ok(Self(Arc::new(Inner {
            accounts,
            registry,
            requests,
            latencies,
        })))
    }

    /// Counts a request to this route that was responded to with this status, and its duration.
    pub(crate) fn record_request(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        duration: Duration,
    ) {
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::HEAD => "HEAD",
            _ => OTHER_METHOD,
        };
        let Inner {
            requests,
            latencies,
            ..
        } = &*self.0;
        requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
        latencies
            .with_label_values(&[method, route])
            .observe(duration.as_secs_f64());
    }

    /// Returns a router with one route, `GET /metrics`, for a listener of its own.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

/// `GET /metrics`
async fn metrics(State(metrics): State<Metrics>) -> Response {
    let inner = &metrics.0;
    inner.accounts.read_gauges().await;
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&inner.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "encoding the metrics failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
