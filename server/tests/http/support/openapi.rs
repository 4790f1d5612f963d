//! Compares responses with the OpenAPI document, so that every test of the API is a test of the document.

use std::sync::LazyLock;

use http::{Method, header};
use serde_json::Value;

use super::Response;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| latchkey::openapi("http://localhost"));

/// If the document has the operation, it has the status, content type and body of this response, too.
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
    if sent == "application/json" && method != Method::HEAD {
        let schema = &described["content"][sent]["schema"];
        if let Err(reason) = conform(schema, &response.json(), true) {
            panic!("{name}: {reason}: {response}");
        }
    }
}

/// Whether a value is one that a schema describes, as far as the document uses JSON Schema. An object that is
/// whole has no properties but those that are described.
fn conform(schema: &Value, value: &Value, is_whole: bool) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or_default();
        return conform(&DOCUMENT["components"]["schemas"][name], value, is_whole);
    }
    for part in schema["allOf"].as_array().into_iter().flatten() {
        conform(part, value, false)?;
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        let tried: Result<Vec<_>, ()> = choices
            .iter()
            .map(|choice| conform(choice, value, is_whole).err().ok_or(()))
            .collect();
        if let Ok(reasons) = tried {
            return Err(reasons.join(", and "));
        }
    }
    let listed = schema["enum"].as_array();
    let is_listed = listed.is_none_or(|values| values.contains(value));
    let is_same = schema.get("const").is_none_or(|only| only == value);
    if !is_listed || !is_same || !has_type(&schema["type"], value) {
        return Err(format!("{value} is not {schema}"));
    }
    let items = value.as_array().into_iter().flatten();
    for item in items {
        conform(&schema["items"], item, true)?;
    }
    conform_properties(schema, value, is_whole)
}

fn conform_properties(schema: &Value, value: &Value, is_whole: bool) -> Result<(), String> {
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        value.get(name).ok_or(format!("{name} is missing"))?;
    }
    for (name, value) in value.as_object().into_iter().flatten() {
        let property = schema["properties"].get(name);
        let others = schema.get("additionalProperties");
        match property.or(others) {
            Some(property) => conform(property, value, true)?,
            None if is_whole && schema["properties"].is_object() => {
                return Err(format!("{name} is unknown"));
            }
            None => {}
        }
    }
    Ok(())
}

fn has_type(names: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some("null") => value.is_null(),
        _ => false,
    };
    match names {
        Value::Null => true,
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let paths = DOCUMENT["paths"].as_object()?;
    let found = paths.get(path).or_else(|| {
        let mut templates = paths.iter().filter(|(template, _)| matches(template, path));
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
