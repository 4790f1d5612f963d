//! Requests to the server.

use http::{Method, Request, header, request};
use serde_json::Value;
use ureq::Agent;

use super::{Response, openapi::assert_described};

/// A request under construction.
#[must_use]
pub struct RequestBuilder<'a> {
    agent: &'a Agent,
    head: request::Builder,
    body: Option<Vec<u8>>,
}

impl<'a> RequestBuilder<'a> {
    pub(super) fn new(agent: &'a Agent, method: Method, url: &str) -> Self {
        Self {
            agent,
            head: Request::builder().method(method).uri(url),
            body: None,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.head = self.head.header(name, value.as_ref());
        self
    }

    /// Adds `Authorization: Bearer <token>`.
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Adds a body with this content type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header(header::CONTENT_TYPE.as_str(), content_type)
    }

    /// Adds a JSON body.
    pub fn json(self, body: Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Adds a form body.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Sends the request. Responses under `/api` must follow the rules for all of them.
    #[track_caller]
    pub fn send(self) -> Response {
        self.try_send().expect("the server responds")
    }

    /// Sends the request to a server that may have stopped.
    #[track_caller]
    pub fn try_send(self) -> Result<Response, ureq::Error> {
        let method = self.head.method_ref().cloned().unwrap_or_default();
        let path = self.head.uri_ref().map(|uri| uri.path().to_owned());
        let path = path.unwrap_or_default();
        let response = self.exchange()?;
        assert_described(&method, &path, &response);
        let is_page = response.status == 200 && path.starts_with("/api/docs");
        if !is_page && (path == "/api" || path.starts_with("/api/")) {
            response.assert_api_rules();
        }
        Ok(response)
    }

    /// Sends the request to a program that embeds the server, whose own responses follow no rules.
    #[track_caller]
    pub fn send_to_host(self) -> Response {
        self.exchange().expect("the server responds")
    }

    fn exchange(self) -> Result<Response, ureq::Error> {
        let response = match self.body {
            Some(body) => self.agent.run(self.head.body(body)?)?,
            None if self.head.method_ref() == Some(&Method::GET) => {
                self.agent.run(self.head.body(())?)?
            }
            None => {
                let head = self.head.header(header::CONTENT_LENGTH, 0);
                self.agent.run(head.body(())?)?
            }
        };
        let (parts, mut body) = response.into_parts();
        Ok(Response {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.read_to_vec()?,
        })
    }
}
