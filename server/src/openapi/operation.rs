//! The description of one operation.

use std::collections::{BTreeMap, BTreeSet};

use app::api::{
    Code,
    describe::{Access, Endpoint, Schemas},
};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{TAGS, fields, reference};

/// Errors that every request can get.
const ALWAYS: [Code; 5] = [
    Code::PermissionDenied,
    Code::Throttled,
    Code::InternalError,
    Code::Overloaded,
    Code::Unavailable,
];

/// Errors of requests with fields.
const OF_FIELDS: [Code; 4] = [
    Code::MalformedRequest,
    Code::RequestTimeout,
    Code::RequestTooLarge,
    Code::UnsupportedMediaType,
];

const OF_TOKENS: [Code; 5] = [
    Code::NotAuthenticated,
    Code::TokenExpired,
    Code::TokenInvalid,
    Code::OtpRequired,
    Code::SecondFactorSetupRequired,
];

const OF_KEYS: [Code; 2] = [Code::NotAuthenticated, Code::KeyInvalid];

/// Describes a server function, and adds the schemas that it refers to.
pub fn describe(endpoint: &Endpoint, schemas: &mut Schemas) -> Value {
    let method = (endpoint.method)();
    let mut responses = errors(endpoint, &method);
    let output = endpoint
        .output
        .map(|output| json!({ "application/json": { "schema": output(schemas) } }));
    responses.insert(endpoint.status.to_string(), response("Success.", output));
    let mut operation = head(&method, endpoint.path, endpoint.summary, endpoint.access);
    operation.insert("responses".into(), json!(responses));
    let (parameters, body) = input(endpoint, &method);
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    if let Some(body) = body {
        operation.insert("requestBody".into(), body);
    }
    operation.into()
}

/// Returns what an operation has besides its fields and responses.
pub fn head(method: &Method, path: &str, summary: &str, access: Access) -> Map<String, Value> {
    let mut operation = Map::new();
    let is_group = |name: &&str| TAGS.iter().any(|(tag, _)| tag == name);
    let tag = path
        .strip_prefix("/api/")
        .and_then(|rest| rest.split('/').next())
        .filter(is_group);
    operation.insert("operationId".into(), name(method, path).into());
    operation.insert("tags".into(), json!([tag.unwrap_or("server")]));
    operation.insert("summary".into(), summary.into());
    if let Some(text) = reference(method.as_str(), path) {
        operation.insert("description".into(), text.into());
    }
    operation.insert("security".into(), security(access));
    operation
}

/// Returns the name of an operation: its path in camel case. In `/api/admin`, the method comes first.
fn name(method: &Method, path: &str) -> String {
    let path = path.strip_prefix("/api/").unwrap_or(path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric());
    let verb = path
        .starts_with("admin/")
        .then(|| method.as_str().to_lowercase());
    let words = verb
        .as_deref()
        .into_iter()
        .chain(words.filter(|word| !word.is_empty()));
    let mut name = String::new();
    for word in words {
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if !name.is_empty() => name.push(first.to_ascii_uppercase()),
            first => name.extend(first),
        }
        name.push_str(letters.as_str());
    }
    name
}

fn security(access: Access) -> Value {
    let token = json!({ "accessToken": [] });
    match access {
        Access::Public => json!([]),
        Access::MaybeToken => json!([{}, token]),
        Access::Token
        | Access::EnrollingToken
        | Access::PendingToken
        | Access::AdministratorOnly => json!([token]),
        Access::Service(scope) => json!([{ "serviceKey": [scope] }]),
        Access::Administrator(scope) => json!([token, { "serviceKey": [scope] }]),
    }
}

/// Returns the codes of errors that follow from what authorizes a request.
pub fn codes_of(access: Access) -> Vec<Code> {
    let tokens = OF_TOKENS.into_iter();
    match access {
        Access::Public | Access::MaybeToken => Vec::new(),
        Access::Token => tokens.collect(),
        Access::EnrollingToken => tokens
            .filter(|code| *code != Code::SecondFactorSetupRequired)
            .collect(),
        Access::PendingToken => tokens
            .filter(|code| code.status() == StatusCode::UNAUTHORIZED)
            .collect(),
        Access::Service(_) => OF_KEYS.to_vec(),
        Access::Administrator(_) | Access::AdministratorOnly => tokens.chain(OF_KEYS).collect(),
    }
}

fn is_in_path(path: &str, field: &str) -> bool {
    path.split('/').any(|part| part == format!("{{{field}}}"))
}

/// Returns the parameters and the body.
fn input(endpoint: &Endpoint, method: &Method) -> (Vec<Value>, Option<Value>) {
    let mut parameters = Vec::new();
    let mut properties = Map::new();
    for name in (endpoint.fields)() {
        let schema = fields::schema(name).unwrap_or_else(|| json!({ "type": "string" }));
        let is_in_path = is_in_path(endpoint.path, name);
        if is_in_path || *method == Method::GET {
            let is_required = is_in_path || endpoint.required.contains(name);
            parameters.push(json!({
                "name": name,
                "in": if is_in_path { "path" } else { "query" },
                "required": is_required,
                "schema": schema,
            }));
        } else {
            properties.insert((*name).into(), schema);
        }
    }
    if properties.is_empty() {
        return (parameters, None);
    }
    let mut schema = json!({ "type": "object", "properties": properties });
    if !endpoint.required.is_empty() {
        schema["required"] = json!(endpoint.required);
    }
    let body = json!({
        "required": !endpoint.required.is_empty(),
        "content": {
            "application/json": { "schema": schema },
            "application/x-www-form-urlencoded": { "schema": schema },
        },
    });
    (parameters, Some(body))
}

fn errors(endpoint: &Endpoint, method: &Method) -> BTreeMap<String, Value> {
    let mut codes = codes_of(endpoint.access);
    codes.extend(endpoint.errors);
    let names = (endpoint.fields)();
    let is_for_administrators = endpoint.path.starts_with("/api/admin/");
    let has_input = !names.is_empty() || *method != Method::GET || is_for_administrators;
    if has_input {
        codes.extend(OF_FIELDS);
    }
    if names.iter().any(|name| is_in_path(endpoint.path, name)) {
        codes.push(Code::NotFound);
    }
    // Users without a password must have signed in a short time ago instead.
    if names.contains(&"current_password") {
        codes.push(Code::ReauthenticationRequired);
    }
    error_responses(codes, has_input)
}

/// Returns the responses for these codes and those that every request can get.
pub fn error_responses(
    codes: impl IntoIterator<Item = Code>,
    has_fields: bool,
) -> BTreeMap<String, Value> {
    let mut by_status: BTreeMap<u16, BTreeSet<String>> = BTreeMap::new();
    for code in codes.into_iter().chain(ALWAYS) {
        if let Ok(Value::String(name)) = serde_json::to_value(code) {
            by_status
                .entry(code.status().as_u16())
                .or_default()
                .insert(name);
        }
    }
    let responses = by_status.into_iter().map(|(status, names)| {
        let is_about_fields = status == 400 && has_fields;
        (
            status.to_string(),
            error_response(status, &names, is_about_fields),
        )
    });
    responses.collect()
}

fn error_response(status: u16, codes: &BTreeSet<String>, is_about_fields: bool) -> Value {
    let names: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    let failure = json!({
        "allOf": [
            { "$ref": "#/components/schemas/Failure" },
            { "properties": { "code": { "enum": codes } } },
        ],
    });
    let (description, schema) = if is_about_fields {
        let either = json!([failure, { "$ref": "#/components/schemas/FieldErrors" }]);
        (
            format!("Invalid fields, or {}.", names.join(", ")),
            json!({ "anyOf": either }),
        )
    } else {
        (format!("{}.", names.join(", ")), failure)
    };
    let content = json!({ "application/json": { "schema": schema } });
    let mut response = response(&description, Some(content));
    let header = |name: &str, schema: Value| json!({ name: { "schema": schema } });
    let headers = match status {
        401 => header(
            "WWW-Authenticate",
            json!({ "type": "string", "const": "Bearer" }),
        ),
        429 | 503 => header("Retry-After", json!({ "type": "integer", "minimum": 1 })),
        _ => return response,
    };
    if let (Some(all), Some(more)) = (response["headers"].as_object_mut(), headers.as_object()) {
        all.extend(more.clone());
    }
    response
}

/// Returns a response with this content.
pub fn response(description: &str, content: Option<Value>) -> Value {
    let id = json!({ "schema": { "type": "string" }, "description": "The request in the log." });
    let mut response = json!({ "description": description, "headers": { "x-request-id": id } });
    if let Some(content) = content {
        response["content"] = content;
    }
    response
}
