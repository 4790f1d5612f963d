//! Compares responses with the OpenAPI document, so that every test of the API is a test of the document.

use std::sync::LazyLock;

use http::{Method, header};
use serde_json::{Map, Value};

use super::Response;

static PATHS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    let document = latchkey::openapi("http://localhost");
    document["paths"].as_object().expect("paths").clone()
});

/// The document has the status and the content type of this response, if it has the operation.
#[track_caller]
pub fn assert_described(method: &Method, path: &str, response: &Response) {
    let Some(operation) = operation(method, path) else {
        return;
    };
    let described = &operation["responses"][response.status.to_string()];
    let name = &operation["operationId"];
    assert!(described.is_object(), "{name} is not described: {response}");
    let sent = response.header(header::CONTENT_TYPE.as_str());
    let sent = sent.split(';').next().unwrap_or_default();
    let content = described["content"].as_object();
    let is_described = content.map_or(sent.is_empty(), |content| content.contains_key(sent));
    assert!(
        is_described,
        "the content of {name} is not described: {response}"
    );
    let codes = &described["content"]["application/json"]["schema"];
    let code = response
        .body
        .starts_with(b"{\"detail\"")
        .then(|| response.json()["code"].clone());
    if let Some(code) = code {
        let either = codes["anyOf"][0]["allOf"][1]["properties"]["code"]["enum"].as_array();
        let only = codes["allOf"][1]["properties"]["code"]["enum"].as_array();
        let codes = either.or(only).expect("an error has its codes");
        assert!(
            codes.contains(&code),
            "a code of {name} is not described: {response}"
        );
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let found = PATHS.get(path).or_else(|| {
        let mut templates = PATHS.iter().filter(|(template, _)| matches(template, path));
        templates.next().map(|(_, operations)| operations)
    })?;
    let method = if method == Method::HEAD {
        "get".into()
    } else {
        method.as_str().to_lowercase()
    };
    found.get(method)
}

/// Whether a path is one of those that a template stands for.
fn matches(template: &str, path: &str) -> bool {
    let mut parts = path.split('/');
    let is_like = template.split('/').all(|part| {
        let is_field = part.starts_with('{');
        parts
            .next()
            .is_some_and(|sent| sent == part || (is_field && !sent.is_empty()))
    });
    is_like && parts.next().is_none()
}

#[test]
fn paths_are_found_by_their_templates() {
    let found =
        |path| operation(&Method::POST, path).map(|operation| operation["operationId"].clone());
    assert_eq!(
        found("/api/admin/users/bulk/"),
        Some("postAdminUsersBulk".into())
    );
    assert_eq!(
        found("/api/admin/users/1/sign-out"),
        Some("postAdminUsersIdSignOut".into())
    );
    assert_eq!(found("/api/admin/users//sign-out"), None);
    assert_eq!(found("/api/nothing"), None);
}
