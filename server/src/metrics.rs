//! Figures for the operator, in Prometheus's text format.

use std::{sync::Arc, time::Duration};

use accounts::Accounts;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{Method, StatusCode, header};
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};

/// The upper bounds of the classes of latencies, in seconds.
const LATENCIES: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// What stands for a method that is none of these.
const OTHER: &str = "other";

/// The figures of one server. Clones are the same figures.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    accounts: Accounts,
    registry: Registry,
    requests: IntCounterVec,
    latencies: HistogramVec,
}

impl Metrics {
    /// # Errors
    /// When the figures of these accounts are kept already.
    pub fn new(accounts: Accounts) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let requests = IntCounterVec::new(
            Opts::new(
                "latchkey_http_requests_total",
                "Requests answered, by route and status.",
            ),
            &["method", "route", "status"],
        )?;
        let latencies = HistogramVec::new(
            HistogramOpts::new(
                "latchkey_http_request_duration_seconds",
                "Time from a request's head to its answer's head.",
            )
            .buckets(LATENCIES.to_vec()),
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

    /// Counts a request and the time that its answer took. Routes are known ones, so that no client
    /// can make up more of them.
    pub fn count_request(&self, method: &Method, route: &str, status: StatusCode, time: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::HEAD => "HEAD",
            _ => OTHER,
        };
        let inner = &self.0;
        inner
            .requests
            .with_label_values(&[method, route, status.as_str()])
            .inc();
        inner
            .latencies
            .with_label_values(&[method, route])
            .observe(time.as_secs_f64());
    }
}

/// GET `/metrics`
pub async fn metrics(State(metrics): State<Metrics>) -> Response {
    let inner = &metrics.0;
    inner.accounts.read_gauges().await;
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    match encoder.encode(&inner.registry.gather(), &mut text) {
        Ok(()) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the figures can't be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
