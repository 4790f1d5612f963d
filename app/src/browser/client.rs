//! The HTTP client of the server functions that need a signed-in user.

use std::{future::Future, mem};

use http::{Method, StatusCode};
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
    renewal::{fresh_session, renew},
    session::{self, Session},
    within_limit,
};
use crate::api::{ApiError, Code};

/// Sends a request with the session's access token.
///
/// A token that runs out soon is renewed first. Should the server refuse the token all the same
/// (this device's clock may be wrong), it is renewed and the request sent once more. Should the
/// server ask for the second factor, [`AuthState`](super::AuthState) says so from then on.
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
                    // It may have been passed while the request was on its way.
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

/// Asks the server whether a session has the second factor still to pass, before it is stored;
/// then [`AuthState`](super::AuthState) will say so.
///
/// # Errors
/// `otp_required` in that case, and those of any request.
pub(super) async fn probe(session: &Session) -> Result<(), ApiError> {
    const JSON: &str = "application/json";
    const VIEW: &str = "/api/user/view";
    let request: Result<_, ApiError> =
        ClientReq::try_new_req_query(VIEW, JSON, JSON, "", Method::GET);
    let response = send(request?, session).await?;
    // The browser keeps a connection busy until the answer on it is read.
    body(response).await?;
    Ok(())
}

/// Sends a request with the session's access token. Where that is refused, the answer is the error.
async fn send(request: BrowserRequest, session: &Session) -> Result<BrowserResponse, ApiError> {
    request
        .headers()
        .set("Authorization", &format!("Bearer {}", session.token));
    let response = within_limit(<BrowserClient as Client<ApiError>>::send(request)).await?;
    let status = ClientRes::<ApiError>::status(&response);
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        return Ok(response);
    }
    let error = ApiError::de(body(response).await?);
    if error.code() == Some(Code::OtpRequired) {
        session::require_second_factor(session);
    }
    Err(error)
}

async fn body(response: BrowserResponse) -> Result<Bytes, ApiError> {
    ClientRes::<ApiError>::try_into_bytes(response).await
}

/// A request and its copy: a body can be sent only once.
fn twice(mut request: BrowserRequest) -> Option<(BrowserRequest, BrowserRequest)> {
    // A BrowserRequest can't be made of another, but what is inside it can be exchanged.
    let mut copy: BrowserRequest =
        ClientReq::<ApiError>::try_new_req_query("/", "", "", "", Method::GET).ok()?;
    let original =
        web_sys::Request::from(mem::replace(&mut *request, Request::get("/").build().ok()?));
    *copy = original.clone().ok()?.into();
    *request = original.into();
    Some((request, copy))
}
