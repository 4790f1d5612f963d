//! The HTTP client of the server functions that need a signed-in user.

use std::{future::Future, mem};

use http::{Method, StatusCode};
use leptos::prelude::window;
use send_wrapper::SendWrapper;
use server_fn::{
    Bytes,
    client::{Client, browser::BrowserClient},
    error::FromServerFnError,
    request::{
        ClientReq,
        browser::{BrowserRequest, Request},
    },
    response::{ClientRes, browser::BrowserResponse},
};

use super::{
    limit::with_timeout,
    renewal::{fresh_session, renew},
    session::{self, Session},
};
use crate::{
    account_pages::AccountPage,
    api::{ApiError, Code},
};

/// Sends a request with the session's access token.
///
/// A token that is about to expire is renewed first. If the server rejects the token anyway (this
/// device's clock may be wrong), the token is renewed and the request is sent again. If the server
/// requires the second factor, [`AuthState`](super::AuthState) becomes `MfaPending`. If it must be set up first,
/// the page for that opens.
pub struct SignedIn;

impl Client<ApiError> for SignedIn {
    type Request = BrowserRequest;
    type Response = BrowserResponse;

    fn send(
        request: BrowserRequest,
    ) -> impl Future<Output = Result<BrowserResponse, ApiError>> + Send {
        SendWrapper::new(async move {
            let (first, second) = twice(request).ok_or(Code::Unknown)?;
            let session = fresh_session().await?;
            let session = match send(first, &session).await {
                Err(error) if error.status() == StatusCode::UNAUTHORIZED => renew(&session).await?,
                Err(error) if error.code() == Some(Code::OtpRequired) => {
                    // Another tab may have completed it while the request was under way.
                    let stored = session::load().filter(|stored| *stored != session);
                    stored.ok_or(error)?
                }
                result => return result,
            };
            send(second, &session).await
        })
    }

    async fn open_websocket(
        path: &str,
    ) -> Result<
        (
            impl futures::Stream<Item = Result<Bytes, Bytes>> + Send + 'static,
            impl futures::Sink<Bytes> + Send + 'static,
        ),
        ApiError,
    > {
        <BrowserClient as Client<ApiError>>::open_websocket(path).await
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        <BrowserClient as Client<ApiError>>::spawn(future);
    }
}

/// Sends a request with the session's access token, or without one if nobody is signed in.
pub struct MaybeSignedIn;

impl Client<ApiError> for MaybeSignedIn {
    type Request = BrowserRequest;
    type Response = BrowserResponse;

    fn send(
        request: BrowserRequest,
    ) -> impl Future<Output = Result<BrowserResponse, ApiError>> + Send {
        SendWrapper::new(async move {
            match fresh_session().await {
                Ok(session) => authorize(&request, &session),
                Err(error) if error.status() == StatusCode::UNAUTHORIZED => {}
                Err(error) => return Err(error),
            }
            with_timeout(<BrowserClient as Client<ApiError>>::send(request)).await
        })
    }

    async fn open_websocket(
        path: &str,
    ) -> Result<
        (
            impl futures::Stream<Item = Result<Bytes, Bytes>> + Send + 'static,
            impl futures::Sink<Bytes> + Send + 'static,
        ),
        ApiError,
    > {
        <BrowserClient as Client<ApiError>>::open_websocket(path).await
    }

    fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        <BrowserClient as Client<ApiError>>::spawn(future);
    }
}

fn authorize(request: &BrowserRequest, session: &Session) {
    let headers = request.headers();
    headers.set("Authorization", &format!("Bearer {}", session.token));
}

/// Sends a request with the session's access token. Responses 401 and 403 become errors.
async fn send(request: BrowserRequest, session: &Session) -> Result<BrowserResponse, ApiError> {
    authorize(&request, session);
    let response = with_timeout(<BrowserClient as Client<ApiError>>::send(request)).await?;
    let status = ClientRes::<ApiError>::status(&response);
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        return Ok(response);
    }
    let error = ApiError::de(body(response).await?);
    if error.code() == Some(Code::OtpRequired) {
        session::require_second_factor(session);
    }
    if error.code() == Some(Code::SecondFactorSetupRequired) {
        lead_to_set_up();
    }
    Err(error)
}

/// Opens the page on which a second factor is set up. Nothing else works before that, so no page is kept.
fn lead_to_set_up() {
    let path = AccountPage::Security.path();
    let location = window().location();
    if location.pathname().ok().as_deref() != Some(path) {
        let _ = location.replace(path);
    }
}

async fn body(response: BrowserResponse) -> Result<Bytes, ApiError> {
    ClientRes::<ApiError>::try_into_bytes(response).await
}

/// Returns a request and a copy of it, because a body can be sent only once.
fn twice(mut request: BrowserRequest) -> Option<(BrowserRequest, BrowserRequest)> {
    // A `BrowserRequest` can't be cloned, but the request inside it can be swapped and cloned.
    let mut copy: BrowserRequest =
        ClientReq::<ApiError>::try_new_req_query("/", "", "", "", Method::GET).ok()?;
    let original =
        web_sys::Request::from(mem::replace(&mut *request, Request::get("/").build().ok()?));
    *copy = original.clone().ok()?.into();
    *request = original.into();
    Some((request, copy))
}
