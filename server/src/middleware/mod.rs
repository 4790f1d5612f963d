//! What happens to every request on its way in and out.

mod client_address;
mod limit_time;
mod log_request;
mod security_headers;

pub use client_address::{ClientAddress, InvalidProxies, TrustedProxies};
pub use security_headers::SecurityHeaders;

use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use app::api::{ApiError, Code};
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;

use self::{
    client_address::find_client, limit_time::limit_time, log_request::log_request,
    security_headers::security_headers,
};
use crate::metrics::{Metrics, count_request};

/// The address at the other end of the connection (a request extension). Whom it speaks for is the
/// [`ClientAddress`].
#[derive(Clone, Copy)]
pub struct PeerAddress(pub IpAddr);

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

/// All that goes around every request, from the outside in. It is one layer of the router, because
/// axum copies, for each layer of a request, everything that is inside of it.
pub async fn around(
    State(around): State<Arc<Around>>,
    mut request: Request,
    next: Next,
) -> Response {
    let Around {
        proxies,
        metrics,
        headers,
        limit,
    } = &*around;
    find_client(proxies, &mut request);
    count_request(metrics, request, |request| {
        log_request(request, |request| async {
            let answer = AssertUnwindSafe(limit_time(*limit, next.run(request))).catch_unwind();
            // The log has the panic already, by the hook for all of them.
            let mut response = answer
                .await
                .unwrap_or_else(|_| ApiError::from(Code::InternalError).into_response());
            security_headers(*headers, &mut response);
            response
        })
    })
    .await
}
