//! The OpenAPI document of the API at `/api/openapi.json`, and a page to read it and to try requests at
//! `/api/docs`. What it says comes from the server functions themselves ([`Endpoint`]), and its texts from
//! docs/api.md.

mod fields;
mod operation;
mod others;
mod page;

use std::collections::BTreeMap;

use app::api::describe::{Endpoint, Schemas};
use serde_json::{Map, Value, json};

use crate::documents::API;
pub use page::router;

/// The path of the document.
pub const DOCUMENT_PATH: &str = "/api/openapi.json";

/// The groups of operations, in the order in which the page shows them.
const TAGS: [(&str, &str); 7] = [
    ("user", "Accounts and sessions"),
    ("totp", "Two-factor authentication"),
    ("recovery", "Recovery codes"),
    ("social", "Sign-in with accounts at providers"),
    ("token", "Tokens in other services"),
    ("admin", "Administration"),
    ("server", "The server itself"),
];

/// Returns the OpenAPI 3.1 document of a server with this public URL.
#[must_use]
pub fn openapi(public_url: &str) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for endpoint in Endpoint::all() {
        let operations = paths.entry(endpoint.path).or_default();
        let method = (endpoint.method)().as_str().to_lowercase();
        operations.insert(method, operation::describe(endpoint, &mut schemas));
    }
    for (path, operation) in others::operations() {
        let operations = paths.entry(path).or_default();
        operations.insert("get".into(), operation);
    }
    let tags = TAGS.map(|(name, description)| json!({ "name": name, "description": description }));
    schemas.insert("Failure".into(), failure());
    schemas.insert("FieldErrors".into(), field_errors());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Latchkey",
            "version": env!("CARGO_PKG_VERSION"),
            "description": section("\n## General rules\n", "\n## "),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": public_url }],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "accessToken": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token of a pair.",
                },
                "serviceKey": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A service key, `lk_…`, with the scope that the operation names.",
                },
            },
        },
    })
}

/// An error as a whole.
fn failure() -> Value {
    json!({
        "type": "object",
        "required": ["detail", "code"],
        "properties": {
            "detail": { "type": "string", "description": "A sentence for people." },
            "code": { "type": "string", "description": "The same for programs." },
        },
    })
}

/// Messages by the name of the field.
fn field_errors() -> Value {
    json!({
        "type": "object",
        "description": "One or more messages for each invalid field.",
        "additionalProperties": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
    })
}

/// Returns what docs/api.md says of an endpoint: the section with its method and path as the heading.
fn reference(method: &str, path: &str) -> Option<&'static str> {
    section(&format!("\n### `{method} {path}`\n"), "\n#")
}

/// Returns the section of docs/api.md with this heading, up to the next one that begins like `end`.
fn section(heading: &str, end: &str) -> Option<&'static str> {
    let (_, section) = API.split_once(heading)?;
    let end = section.find(end).unwrap_or(section.len());
    section.get(..end).map(str::trim)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::api::server_fns;

    #[test]
    fn every_server_function_is_described() {
        let described: BTreeSet<_> = Endpoint::all()
            .map(|endpoint| (endpoint.path, (endpoint.method)().to_string()))
            .collect();
        let functions: BTreeSet<_> = server_fns()
            .map(|(path, method)| (path, method.to_string()))
            .collect();
        assert_eq!(described, functions);
    }

    #[test]
    fn every_field_has_a_schema_and_required_fields_exist() {
        for endpoint in Endpoint::all() {
            let names = (endpoint.fields)();
            for name in names {
                assert!(
                    fields::schema(name).is_some(),
                    "{name} of {}",
                    endpoint.path
                );
            }
            for name in endpoint.required {
                assert!(names.contains(name), "{name} of {}", endpoint.path);
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let document = openapi("http://localhost:3000");
        let paths = document["paths"].as_object().expect("paths");
        let operations: Vec<_> = paths
            .values()
            .flat_map(|methods| methods.as_object().expect("methods").values())
            .collect();
        let names: BTreeSet<_> = operations
            .iter()
            .map(|operation| operation["operationId"].to_string())
            .collect();
        assert_eq!(names.len(), operations.len());
        assert!(document["paths"]["/api/user/create"]["post"]["description"].is_string());
        assert!(document["info"]["description"].is_string());
    }

    #[test]
    fn every_reference_leads_to_a_schema() {
        let document = openapi("http://localhost:3000");
        let text = document.to_string();
        for rest in text.split("\"#/components/schemas/").skip(1) {
            let name = rest.split('"').next().expect("the end of the text");
            assert!(!document["components"]["schemas"][name].is_null(), "{name}");
        }
    }
}
