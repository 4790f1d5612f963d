//! Who is signed in, for the handlers and server functions of a program that embeds Latchkey.

use std::ops::Deref;

use accounts::Authorized;
use app::api::{ApiError, Code};
use axum::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use crate::embed::Latchkey;

/// The user and session of a request's access token, which has completed every factor. A token that was
/// revoked is refused at once.
///
/// As an extractor it takes `Authorization: Bearer <token>`, in handlers whose state contains [`Latchkey`]
/// ([`FromRef`]). A request without a valid token gets the same response as from the API. As an
/// `Option`, it is `None` for a request without that header.
#[derive(Clone, Debug)]
pub struct SignedIn(Authorized);

impl Deref for SignedIn {
    type Target = Authorized;

    fn deref(&self) -> &Authorized {
        &self.0
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    Latchkey: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let latchkey = Latchkey::from_ref(state);
        latchkey.authenticate(parts).await.map(Self)
    }
}

impl<S> OptionalFromRequestParts<S> for SignedIn
where
    Latchkey: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, ApiError> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        let latchkey = Latchkey::from_ref(state);
        latchkey
            .authenticate(parts)
            .await
            .map(|caller| Some(Self(caller)))
    }
}

/// Returns who is signed in, in a server function of Leptos or while a page is rendered. It needs
/// [`Latchkey`] as context: `leptos_routes_with_context(…, move || provide_context(latchkey.clone()), …)`.
///
/// An error is also the status of the response, except of pages and of forms, which show it.
///
/// # Errors
/// Those of [`Latchkey::authenticate`], and `internal_error` without the context.
pub async fn signed_in() -> Result<SignedIn, ApiError> {
    let (latchkey, request) = (use_context::<Latchkey>(), use_context::<Parts>());
    let (Some(latchkey), Some(request)) = (latchkey, request) else {
        tracing::error!("signed_in() needs Latchkey as context, in a request that Leptos handles");
        return Err(Code::InternalError.into());
    };
    let response = use_context::<ResponseOptions>();
    let caller = latchkey.authenticate(&request).await;
    if let (Err(error), Some(response)) = (&caller, response)
        && request.method != Method::GET
        && !accepts_html(&request.headers)
    {
        response.set_status(error.status());
        if error.code() == Some(Code::NotAuthenticated) {
            let challenge = HeaderValue::from_static("Bearer");
            response.insert_header(header::WWW_AUTHENTICATE, challenge);
        }
    }
    caller.map(SignedIn)
}

/// Whether a browser has sent a form or opens a page. Leptos asks the same.
fn accepts_html(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    let accepted = accepted.and_then(|value| value.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}
