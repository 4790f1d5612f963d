//! The protocol of all server functions: how they read requests and write responses.
//!
//! Leptos' own protocol takes one body format for each function, and responds to errors with status
//! 500 unless every function sets another one.

use std::{future::Future, pin::Pin};

use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use server_fn::{
    Bytes, Protocol, client::Client, error::FromServerFnError, request::ClientReq,
    response::ClientRes,
};

use super::error::{ApiError, Code};

#[cfg(feature = "ssr")]
pub(super) use server_fn::axum::AxumServerFnBackend as Backend;
#[cfg(not(feature = "ssr"))]
pub(super) use server_fn::mock::BrowserMockServer as Backend;

pub(super) type Request = <Backend as server_fn::server::Server<ApiError>>::Request;
pub(super) type Response = <Backend as server_fn::server::Server<ApiError>>::Response;

/// An endpoint that only reads: `GET`, with status 200 and JSON in the response.
pub struct Get;

/// An endpoint with its fields in a form or JSON body: `POST`, with `STATUS` in the response, and
/// JSON unless that is 204.
pub struct Post<const STATUS: u16 = 200>;

pub(super) const JSON: &str = "application/json";
/// The maximum size of most request bodies, in bytes.
pub(super) const BODY_LIMIT: usize = 16 * 1024;

pub(super) const OK: u16 = 200;
pub(super) const NO_CONTENT: u16 = 204;

impl<Input, Output, C> Protocol<Input, Output, C, Backend, ApiError> for Get
where
    Input: DeserializeOwned + Send,
    Output: Serialize + DeserializeOwned + Send,
    C: Client<ApiError>,
{
    const METHOD: Method = Method::GET;

    async fn run_server<F, Fut>(_: Request, endpoint: F) -> Result<Response, ApiError>
    where
        F: Fn(Input) -> Fut + Send,
        Fut: Future<Output = Result<Output, ApiError>> + Send,
    {
        Ok(server::respond(server::no_fields::<Input>(), endpoint, OK).await)
    }

    async fn run_client(path: &str, _: Input) -> Result<Output, ApiError> {
        let request = C::Request::try_new_req_query(path, JSON, JSON, "", Method::GET);
        decode(&send::<C>(request).await?)
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
        let fields = server::read_fields::<Input>(request).await;
        Ok(server::respond(fields, endpoint, STATUS).await)
    }

    async fn run_client(path: &str, input: Input) -> Result<Output, ApiError> {
        let body = serde_json::to_string(&input).map_err(|_| Code::Unknown)?;
        let request = C::Request::try_new_req_text(path, JSON, JSON, body, Method::POST);
        decode(&send::<C>(request).await?)
    }
}

/// Sends a request from the browser, and returns the JSON of the response. It does not depend on
/// the endpoint, which keeps the WebAssembly small.
pub(super) fn send<C: Client<ApiError>>(
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

pub(super) fn decode<Output: DeserializeOwned>(body: &Bytes) -> Result<Output, ApiError> {
    serde_json::from_slice(body).map_err(|_| Code::Unknown.into())
}

#[cfg(not(feature = "ssr"))]
pub(super) mod server {
    //! Server functions don't run in the browser.

    use super::{ApiError, Request, Response};

    pub fn no_fields<Input>() -> Result<Input, ApiError> {
        unreachable!()
    }

    pub async fn read_fields<Input>(_: Request) -> Result<Input, ApiError> {
        unreachable!()
    }

    pub async fn read_all_fields<Input>(_: Request, _: usize) -> Result<Input, ApiError> {
        unreachable!()
    }

    pub async fn respond<Input, F>(_: Result<Input, ApiError>, _: F, _: u16) -> Response {
        unreachable!()
    }
}

#[cfg(feature = "ssr")]
pub(super) mod server {
    //! The server's side: reads the fields, and writes the response.

    use std::{future::Future, time::Duration};

    use axum::{
        body::{Body, Bytes},
        http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
        response::IntoResponse,
    };
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    use serde::{Serialize, de::DeserializeOwned};

    use serde_json::{Map, Value};

    use super::{ApiError, BODY_LIMIT, Code, JSON, NO_CONTENT, Request, Response};
    use crate::api::UriFields;

    /// How long a client may take to send its body.
    const BODY_TIMEOUT: Duration = Duration::from_secs(10);

    /// Responses are for this client at this time only.
    const NO_STORE: (HeaderName, HeaderValue) =
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

    const CONTENT_TYPE_JSON: (HeaderName, HeaderValue) =
        (header::CONTENT_TYPE, HeaderValue::from_static(JSON));

    /// Calls an endpoint with its fields, unless they could not be read, and returns the response.
    pub async fn respond<Input, Output, F, Fut>(
        fields: Result<Input, ApiError>,
        endpoint: F,
        status: u16,
    ) -> Response
    where
        Output: Serialize,
        F: Fn(Input) -> Fut,
        Fut: Future<Output = Result<Output, ApiError>>,
    {
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

    /// Returns the fields of a request without any: all that may be missing are.
    pub fn no_fields<Input: DeserializeOwned>() -> Result<Input, ApiError> {
        serde_urlencoded::from_bytes(b"").map_err(|_| Code::MalformedRequest.into())
    }

    /// Reads the fields of a request from its path, its query and its body. A field of the path can't be
    /// replaced by another one of the same name.
    pub async fn read_all_fields<Input: DeserializeOwned>(
        mut request: Request,
        limit: usize,
    ) -> Result<Input, ApiError> {
        let uri: UriFields = request.extensions_mut().remove().unwrap_or_default();
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, limit).await?;
        let mut fields = read_form_fields(uri.query.as_bytes())?;
        fields.extend(parse_body::<Map<String, Value>>(&parts.headers, &body)?);
        for (name, value) in uri.path {
            fields.insert(name.to_owned(), Value::String(value));
        }
        serde_json::from_value(Value::Object(fields)).map_err(|_| Code::MalformedRequest.into())
    }

    /// Reads the fields of a form, none of which occurs twice.
    fn read_form_fields(form: &[u8]) -> Result<Map<String, Value>, ApiError> {
        let pairs: Vec<(String, String)> = read_form(form)?;
        let mut fields = Map::new();
        for (name, value) in pairs {
            if fields.insert(name, Value::String(value)).is_some() {
                return Err(Code::MalformedRequest.into());
            }
        }
        Ok(fields)
    }

    /// Reads the fields from the body of a request.
    pub async fn read_fields<Input: DeserializeOwned>(request: Request) -> Result<Input, ApiError> {
        let (parts, body) = request.into_parts();
        let body = read_body(&parts.headers, body, BODY_LIMIT).await?;
        parse_body(&parts.headers, &body)
    }

    fn parse_body<Input: DeserializeOwned>(
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Input, ApiError> {
        let content_type = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<mime::Mime>().ok());
        match content_type.as_ref().map(mime::Mime::essence_str) {
            Some(JSON) if !body.is_empty() => read_json(body),
            Some("application/x-www-form-urlencoded") => read_form(body),
            _ if body.is_empty() => no_fields(),
            _ => Err(Code::UnsupportedMediaType.into()),
        }
    }

    /// Reads a JSON object. serde alone would also accept an array.
    fn read_json<Input: DeserializeOwned>(body: &[u8]) -> Result<Input, ApiError> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Code::MalformedRequest.into());
        }
        serde_json::from_slice(body).map_err(|_| Code::MalformedRequest.into())
    }

    /// Reads a form. Invalid UTF-8 is refused: serde_urlencoded would silently replace it, for
    /// instance in a password.
    fn read_form<Input: DeserializeOwned>(body: &[u8]) -> Result<Input, ApiError> {
        if percent_encoding::percent_decode(body)
            .decode_utf8()
            .is_err()
        {
            return Err(Code::MalformedRequest.into());
        }
        serde_urlencoded::from_bytes(body).map_err(|_| Code::MalformedRequest.into())
    }

    async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, ApiError> {
        let content_length = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        if content_length.is_some_and(|length| length > limit as u64) {
            return Err(Code::RequestTooLarge.into());
        }
        let body = Limited::new(body, limit).collect();
        match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Code::RequestTooLarge.into()),
            Ok(Err(_)) => Err(Code::MalformedRequest.into()),
            Err(_) => Err(Code::RequestTimeout.into()),
        }
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Response {
        match serde_json::to_vec(body) {
            Ok(body) => (status, [CONTENT_TYPE_JSON, NO_STORE], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "encoding a response as JSON failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }

    impl IntoResponse for ApiError {
        fn into_response(self) -> Response {
            let mut response = json(self.status(), &self);
            let headers = response.headers_mut();
            if self.status() == StatusCode::UNAUTHORIZED {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            if let Self::Detail {
                retry_after: Some(seconds),
                ..
            } = self
            {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            // For middleware.
            if let Self::Detail { code, .. } = self {
                response.extensions_mut().insert(code);
            }
            response
        }
    }
}
