//! The OpenAPI document and the page that shows it. That the document is true is checked with every response
//! (`support/openapi.rs`).

use serde_json::json;

use crate::support::{ENDPOINTS, Server};

#[test]
fn the_document_has_every_endpoint() {
    let server = Server::start();
    let response = server.get("/api/openapi.json").send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header("content-type"), "application/json");
    let document = response.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let metadata = server
        .get("/.well-known/oauth-authorization-server")
        .send()
        .json();
    assert_eq!(document["servers"], json!([{ "url": metadata["issuer"] }]));
    for endpoint in ENDPOINTS {
        let operation = &document["paths"][endpoint.path][endpoint.method.to_lowercase()];
        assert!(operation["summary"].is_string(), "{}", endpoint.path);
        let text = operation["description"].as_str();
        assert!(text.is_some(), "{}", endpoint.path);
    }
}

#[test]
fn the_page_loads_its_own_files_only() {
    let server = Server::start();
    let page = server.get("/api/docs").send();
    assert_eq!(page.status, 200, "{page}");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'self'; style-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    let links = page.text().split("=\"/api/docs/").skip(1);
    let mut files: Vec<_> = links.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(files, ["page.css", "page.js"]);
    files.extend(["request.js", "text.js"]);
    for name in files {
        let response = server.get(&format!("/api/docs/{name}")).send();
        assert_eq!(response.status, 200, "{response}");
    }
    server
        .post("/api/docs")
        .send()
        .assert_error(405, "method_not_allowed");
}
