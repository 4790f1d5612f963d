//! What happens to every request on its way in and out.

mod client_address;
mod limit_time;
mod log_request;
mod security_headers;

pub use client_address::{InvalidProxies, TrustedProxies};
pub use security_headers::SecurityHeaders;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use app::api::{ApiError, Code};
use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use self::{limit_time::limit_time, log_request::log_request, security_headers::security_headers};
use crate::metrics::Metrics;

/// What goes around every request needs to know this.
pub struct Around {
    /// Who is believed about where a request comes from.
    pub proxies: TrustedProxies,
    /// What requests are counted in.
    pub metrics: Metrics,
    /// Which security headers apply.
    pub headers: SecurityHeaders,
    /// How long an answer may take.
    pub limit: Duration,
}

/// Where a request comes from, and where it goes.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// The client, as far as it can be believed.
    pub client: IpAddr,
    /// The route, which unlike the URL holds nothing that a client has made up.
    pub route: &'a str,
}

impl Around {
    /// All that goes around every request, from the outside in.
    pub async fn answer<F>(
        &self,
        way: Way<'_>,
        request: Request,
        next: impl FnOnce(Request) -> F,
    ) -> Response
    where
        F: Future<Output = Response>,
    {
        let started = Instant::now();
        let method = request.method().clone();
        let response = log_request(way, started, request, |request| async {
            let answer = AssertUnwindSafe(limit_time(self.limit, next(request))).catch_unwind();
            // The log has the panic already, by the hook for all of them.
            let mut response = answer
                .await
                .unwrap_or_else(|_| ApiError::from(Code::InternalError).into_response());
            security_headers(self.headers, &mut response);
            response
        })
        .await;
        let status = response.status();
        self.metrics
            .count_request(&method, way.route, status, started.elapsed());
        response
    }
}
