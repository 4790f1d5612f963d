//! How an endpoint reads its request and shapes its response: the rules that hold for the whole
//! API, in one place.

use std::{future::Future, pin::Pin};

use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use server_fn::{
    Bytes, Protocol, client::Client, error::FromServerFnError, request::ClientReq,
    response::ClientRes,
};

use super::{ApiError, Code};

#[cfg(feature = "ssr")]
use server_fn::axum::AxumServerFnBackend as Backend;
#[cfg(not(feature = "ssr"))]
use server_fn::mock::BrowserMockServer as Backend;

type Request = <Backend as server_fn::server::Server<ApiError>>::Request;
type Response = <Backend as server_fn::server::Server<ApiError>>::Response;

/// An endpoint that only reads: `GET`, answered with status 200 and JSON.
pub struct Get;

/// An endpoint with its fields in a form or JSON body: `POST`, answered with `STATUS`, and with
/// JSON unless that is 204.
pub struct Post<const STATUS: u16 = 200>;

const JSON: &str = "application/json";
const NO_CONTENT: u16 = 204;

impl<Input, Output, C> Protocol<Input, Output, C, Backend, ApiError> for Get
where
    Input: DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    C: Client<ApiError>,
{
    const METHOD: Method = Method::GET;

    async fn run_server<F, Fut>(request: Request, endpoint: F) -> Result<Response, ApiError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, ApiError>> + Send,
    {
        Ok(serve(request, endpoint, 200).await)
    }

    async fn run_client(path: &str, _: Input) -> Result<Output, ApiError> {
        let request = C::Request::try_new_req_query(path, JSON, JSON, "", Method::GET);
        decode(&ask::<C>(request).await?)
    }
}

impl<Input, Output, C, const STATUS: u16> Protocol<Input, Output, C, Backend, ApiError>
    for Post<STATUS>
where
    Input: Serialize + DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    C: Client<ApiError>,
{
    const METHOD: Method = Method::POST;

    async fn run_server<F, Fut>(request: Request, endpoint: F) -> Result<Response, ApiError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, ApiError>> + Send,
    {
        Ok(serve(request, endpoint, STATUS).await)
    }

    async fn run_client(path: &str, input: Input) -> Result<Output, ApiError> {
        let body = serde_json::to_string(&input).map_err(|_| Code::Unknown)?;
        let request = C::Request::try_new_req_text(path, JSON, JSON, body, Method::POST);
        decode(&ask::<C>(request).await?)
    }
}

/// Sends a request in the browser, and gives what it is answered with, as JSON. One function for all
/// endpoints of a client keeps the WebAssembly small.
fn ask<C: Client<ApiError>>(
    request: Result<C::Request, ApiError>,
) -> Pin<Box<dyn Future<Output = Result<Bytes, ApiError>> + Send>> {
    Box::pin(async move {
        let response = C::send(request?).await?;
        let status = response.status();
        let body = response.try_into_bytes().await?;
        match status {
            NO_CONTENT => Ok(Bytes::from_static(b"null")),
            200..=299 => Ok(body),
            _ => Err(ApiError::de(body)),
        }
    })
}

fn decode<Output: DeserializeOwned>(body: &Bytes) -> Result<Output, ApiError> {
    serde_json::from_slice(body).map_err(|_| Code::Unknown.into())
}

#[cfg(feature = "ssr")]
use server::serve;

#[cfg(not(feature = "ssr"))]
async fn serve<F>(_: Request, _: F, _: u16) -> Response {
    unreachable!("server functions run on the server")
}

#[cfg(feature = "ssr")]
mod server {
    //! The server's half: bytes to fields, and a result to a response.

    use std::{future::Future, time::Duration};

    use axum::{
        body::{Body, Bytes},
        http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
        response::IntoResponse,
    };
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    use serde::{Serialize, de::DeserializeOwned};

    use super::{JSON, NO_CONTENT, Request, Response};
    use crate::api::{ApiError, Call, Code};

    /// The largest request body, in bytes.
    const BODY_LIMIT: usize = 16 * 1024;

    /// How long a client may take to send its body.
    const BODY_TIMEOUT: Duration = Duration::from_secs(10);

    /// What is answered is for this client, now.
    const NO_STORE: (HeaderName, HeaderValue) =
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

    const CONTENT_TYPE_JSON: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static(JSON));

    /// How many headers an answer has, about.
    const HEADERS: usize = 12;

    /// Runs one endpoint: reads the fields, calls it with the request's [`Call`] at hand, and
    /// shapes whatever it answers.
    pub async fn serve<Input, Output, F, Fut>(
        request: Request,
        endpoint: F,
        status: u16,
    ) -> Response
    where
        Input: DeserializeOwned,
        Output: Serialize,
        F: Fn(Input) -> Fut,
        Fut: Future<Output = Result<Output, ApiError>>,
    {
        let fields = if *request.method() == Method::POST {
            read_fields(&Call::current().headers, request.into_body()).await
        } else {
            no_fields()
        };
        let result = match fields {
            Ok(fields) => endpoint(fields).await,
            Err(error) => Err(error),
        };
        match result {
            Ok(_) if status == NO_CONTENT => (StatusCode::NO_CONTENT, [NO_STORE]).into_response(),
            Ok(output) => json(
                StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
                &output,
            ),
            Err(error) => error.into_response(),
        }
    }

    async fn read_fields<Input: DeserializeOwned>(
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Input, ApiError> {
        let body = read_body(headers, body).await?;
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<mime::Mime>().ok());
        match content_type.as_ref().map(mime::Mime::essence_str) {
            Some(JSON) if !body.is_empty() => read_json(&body),
            Some("application/x-www-form-urlencoded") => read_form(&body),
            _ if body.is_empty() => no_fields(),
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }

    /// Reads a JSON object; serde alone would take a list for one as well.
    fn read_json<Input: DeserializeOwned>(body: &[u8]) -> Result<Input, ApiError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Code::MalformedRequest.into());
        }
        serde_json::from_slice(body).map_err(|_| Code::MalformedRequest.into())
    }

    /// Reads a form; bytes that are no UTF-8 would be replaced silently, and a password with them.
    fn read_form<Input: DeserializeOwned>(body: &[u8]) -> Result<Input, ApiError> {
        if percent_encoding::percent_decode(body)
            .decode_utf8()
            .is_err()
        {
            return Err(Code::MalformedRequest.into());
        }
        serde_urlencoded::from_bytes(body).map_err(|_| Code::MalformedRequest.into())
    }

    async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, ApiError> {
        let announced = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        if announced.is_some_and(|length| length > BODY_LIMIT as u64) {
            return Err(Code::RequestTooLarge.into());
        }
        let body = Limited::new(body, BODY_LIMIT).collect();
        match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Code::RequestTooLarge.into()),
            Ok(Err(_)) => Err(Code::MalformedRequest.into()),
            Err(_) => Err(Code::RequestTimeout.into()),
        }
    }

    fn no_fields<Input: DeserializeOwned>() -> Result<Input, ApiError> {
        serde_urlencoded::from_bytes(b"").map_err(|_| Code::MalformedRequest.into())
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Response {
        match serde_json::to_vec(body) {
            Ok(body) => {
                let mut response = Response::new(body.into());
                *response.status_mut() = status;
                // With room for those that every answer gets.
                let headers = response.headers_mut();
                headers.reserve(HEADERS);
                headers.extend([CONTENT_TYPE_JSON, NO_STORE]);
                response
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    impl IntoResponse for ApiError {
        fn into_response(self) -> Response {
            let mut response = json(self.status(), &self);
            if response.status() == StatusCode::UNAUTHORIZED {
                response
                    .headers_mut()
                    .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            if let Self::Detail {
                retry_after: Some(seconds),
                ..
            } = self
            {
                response
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            response
        }
    }
}
