//! The protocols of server functions that have fields in the path and in the query, too. Their endpoints are
//! named as in `admin/users/{id}`, where `{id}` stands for the field `id`.

use std::future::Future;

use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use server_fn::{Protocol, client::Client, request::ClientReq};

use super::{
    error::{ApiError, Code},
    protocol::{
        BODY_LIMIT, Backend, JSON, NO_CONTENT, OK, Request, Response, decode, send, server,
    },
};

/// The fields of a request that are in its URI, as an extension of the request.
#[cfg(feature = "ssr")]
#[derive(Clone, Debug, Default)]
pub struct UriFields {
    /// The fields in the path, decoded.
    pub path: Vec<(&'static str, String)>,
    /// The query, as it was sent.
    pub query: String,
}

/// An endpoint that only reads: `GET`, with its fields in the path and the query, and JSON in the response.
pub struct Query;

/// Like [`Post`](super::Post), with fields in the path, too.
pub struct PostTo<const STATUS: u16 = 200>;

/// The same for a long list: with a body of up to 64 KiB.
pub struct PostList;

/// An endpoint that changes something: `PATCH`, with its fields in the path and the body, and JSON in the
/// response.
pub struct Patch;

/// An endpoint that deletes something: `DELETE`, with its fields in the path, and status 204.
pub struct Delete;

/// Implements the protocol of a type: its method, the status of a success, and the maximum size of a body.
macro_rules! protocol {
    ($type:ty, $method:expr, $status:expr, $limit:expr $(, const $parameter:ident)?) => {
        impl<Input, Output, C $(, const $parameter: u16)?>
            Protocol<Input, Output, C, Backend, ApiError> for $type
        where
            Input: Serialize + DeserializeOwned + Send,
            Output: Serialize + DeserializeOwned + Send,
            C: Client<ApiError>,
        {
            const METHOD: Method = $method;

            async fn run_server<F, Fut>(request: Request, endpoint: F) -> Result<Response, ApiError>
            where
                F: Fn(Input) -> Fut + Send,
                Fut: Future<Output = Result<Output, ApiError>> + Send,
            {
                let fields = server::read_all_fields::<Input>(request, $limit).await;
                Ok(server::respond(fields, endpoint, $status).await)
            }

            async fn run_client(path: &str, input: Input) -> Result<Output, ApiError> {
                call::<C, Output>(path, serde_json::to_value(&input), $method).await
            }
        }
    };
}

protocol!(Query, Method::GET, OK, BODY_LIMIT);
protocol!(PostTo<STATUS>, Method::POST, STATUS, BODY_LIMIT, const STATUS);
protocol!(PostList, Method::POST, OK, LIST_LIMIT);
protocol!(Patch, Method::PATCH, OK, BODY_LIMIT);
protocol!(Delete, Method::DELETE, NO_CONTENT, BODY_LIMIT);

/// A list of 1,000 ids has 39 KB.
const LIST_LIMIT: usize = 64 * 1024;

/// Sends a request from the browser, and returns what is in the response.
async fn call<C: Client<ApiError>, Output: DeserializeOwned>(
    path: &str,
    input: serde_json::Result<Value>,
    method: Method,
) -> Result<Output, ApiError> {
    let Ok(Value::Object(mut fields)) = input else {
        return Err(Code::Unknown.into());
    };
    let path = fill_path(path, &mut fields);
    let request = if method == Method::GET || method == Method::DELETE {
        C::Request::try_new_req_query(&path, JSON, JSON, &query(&fields), method)
    } else {
        let body = Value::Object(fields).to_string();
        C::Request::try_new_req_text(&path, JSON, JSON, body, method)
    };
    decode(&send::<C>(request).await?)
}

/// Puts the fields that a path names into it, and takes them away from the others.
fn fill_path(path: &str, fields: &mut Map<String, Value>) -> String {
    let mut filled = String::new();
    for (number, part) in path.split('/').enumerate() {
        if number > 0 {
            filled.push('/');
        }
        let name = part
            .strip_prefix('{')
            .and_then(|part| part.strip_suffix('}'));
        match name.and_then(|name| fields.remove(name)) {
            Some(value) => filled.push_str(&encoded(&text(&value))),
            None => filled.push_str(part),
        }
    }
    filled
}

/// The query with all fields that have a value.
fn query(fields: &Map<String, Value>) -> String {
    let pairs = fields.iter().map(|(name, value)| (name, text(value)));
    let pairs = pairs.filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = pairs
        .map(|(name, value)| format!("{name}={}", encoded(&value)))
        .collect();
    pairs.join("&")
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Returns a text in which everything but unreserved characters is percent-encoded (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_in_the_path_and_in_the_query() {
        let Value::Object(mut fields) = json!({
            "id": "a/b", "search": "é & ü", "role": "", "cursor": null, "limit": 5,
        }) else {
            panic!("an object");
        };
        let path = fill_path("/api/admin/users/{id}/sessions", &mut fields);
        assert_eq!(path, "/api/admin/users/a%2Fb/sessions");
        assert_eq!(query(&fields), "limit=5&search=%C3%A9%20%26%20%C3%BC");
    }
}
