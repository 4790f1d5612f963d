//! The API's endpoints under their paths. They are found here and not by axum's router, which
//! copies and boxes what it calls for each request.

use std::{collections::HashMap, net::IpAddr};

use accounts::Accounts;
use app::api::{ApiError, Call, Code};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use governor::clock::MonotonicClock;
use http::{HeaderValue, Method, Request, header};
use server_fn::ServerFnTraitObj;

use crate::limits::{self, Group, RateLimits};

type ServerFn = ServerFnTraitObj<Request<Body>, Response>;

/// The route of all paths under `/api` that are no endpoint's.
const NOT_FOUND: &str = "/api/{*path}";

/// All endpoints.
pub struct Api {
    endpoints: HashMap<&'static str, Endpoint>,
    accounts: Accounts,
    limits: Option<RateLimits>,
    is_https: bool,
}

/// One server function, which takes one method.
struct Endpoint {
    function: &'static ServerFn,
    method: Method,
    limit: Option<Group>,
}

/// What a path under `/api` leads to.
pub struct Found<'a> {
    /// Its route.
    pub route: &'a str,
    endpoint: Option<&'a Endpoint>,
}

impl Api {
    /// The server functions of the app.
    pub fn new(accounts: Accounts, is_limited: bool, is_https: bool) -> Self {
        let endpoint = |function: &'static ServerFn| {
            let endpoint = Endpoint {
                function,
                method: function.method(),
                limit: limits::group(function.path()),
            };
            (function.path(), endpoint)
        };
        Self {
            endpoints: server_fn::inventory::iter::<ServerFn>()
                .map(endpoint)
                .collect(),
            accounts,
            limits: is_limited.then(|| RateLimits::new(MonotonicClock)),
            is_https,
        }
    }

    /// What is under this path, with or without a slash at the end; nothing where it is none of the
    /// API's.
    pub fn find(&self, path: &str) -> Option<Found<'_>> {
        let bare = path.strip_suffix('/').unwrap_or(path);
        if let Some((route, endpoint)) = self.endpoints.get_key_value(bare) {
            return Some(Found {
                route,
                endpoint: Some(endpoint),
            });
        }
        let is_ours = bare == "/api" || path.starts_with("/api/");
        is_ours.then_some(Found {
            route: NOT_FOUND,
            endpoint: None,
        })
    }

    /// Answers a request to what was found. What is one too many is refused before anything else is
    /// done for it.
    pub async fn answer(
        &self,
        found: &Found<'_>,
        client: IpAddr,
        mut request: Request<Body>,
    ) -> Response {
        let Some(endpoint) = found.endpoint else {
            return ApiError::from(Code::NotFound).into_response();
        };
        if !endpoint.takes(request.method()) {
            let mut response = ApiError::from(Code::MethodNotAllowed).into_response();
            response
                .headers_mut()
                .insert(header::ALLOW, endpoint.allow());
            return response;
        }
        if let (Some(limits), Some(group)) = (&self.limits, endpoint.limit)
            && let Err(wait) = limits.count(group, client)
        {
            return ApiError::throttled(wait).into_response();
        }
        // The call has the headers from here on. Asked for HTML, the server function would answer
        // with a redirect.
        let headers = std::mem::take(request.headers_mut());
        let call = Call::new(self.accounts.clone(), client, headers, self.is_https);
        call.scope(endpoint.function.handler(request)).await
    }
}

impl Endpoint {
    /// Who can be asked with GET can be asked for the head alone (RFC 9110, 9.3.2).
    fn takes(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }

    fn allow(&self) -> HeaderValue {
        HeaderValue::from_static(if self.method == Method::GET {
            "GET,HEAD"
        } else {
            "POST"
        })
    }
}
