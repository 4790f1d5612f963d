//! The HTTP client of the server functions that need a signed-in user.

use std::{future::Future, mem};

use http::{Method, StatusCode};
use send_wrapper::SendWrapper;
use server_fn::{
    Bytes,
    client::{Client, browser::BrowserClient},
    request::{
        ClientReq,
        browser::{BrowserRequest, Request},
    },
    response::{ClientRes, browser::BrowserResponse},
};

use super::{
    renewal::{fresh_session, renew},
    session::Session,
    within_limit,
};
use crate::api::{ApiError, Code};

/// Sends a request with the session's access token.
///
/// A token that runs out soon is renewed first. Should the server refuse the token all the same
/// (this device's clock may be wrong), it is renewed and the request sent once more.
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
            let response = send(first, &session).await?;
            if status(&response) != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            // The browser keeps a connection busy until the answer on it is read.
            let _ = ClientRes::<ApiError>::try_into_bytes(response).await;
            let session = renew(&session).await?;
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

async fn send(request: BrowserRequest, session: &Session) -> Result<BrowserResponse, ApiError> {
    request
        .headers()
        .set("Authorization", &format!("Bearer {}", session.token));
    within_limit(<BrowserClient as Client<ApiError>>::send(request)).await
}

fn status(response: &BrowserResponse) -> u16 {
    ClientRes::<ApiError>::status(response)
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
