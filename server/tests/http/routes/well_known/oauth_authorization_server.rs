//! `/.well-known/oauth-authorization-server`.

use serde_json::{Value, json};

use crate::support::Server;

#[test]
fn names_the_endpoints_for_services() {
    let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "https://id.example")]);
    let response = server.get("/.well-known/oauth-authorization-server").send();
    assert_eq!(response.status, 200);
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.header("cache-control"), "public, max-age=300");
    let metadata = response.json();
    for (name, path) in [
        ("issuer", ""),
        ("jwks_uri", "/.well-known/jwks.json"),
        ("introspection_endpoint", "/api/token/introspect"),
        ("revocation_endpoint", "/api/token/revoke"),
        ("latchkey_revocations_endpoint", "/api/token/revocations"),
    ] {
        assert_eq!(metadata[name], format!("https://id.example{path}"));
    }
    // Required by RFC 8414, and without it, clients would assume what is not there.
    for name in ["response_types_supported", "grant_types_supported"] {
        assert_eq!(metadata[name], json!([]), "{name}");
    }
    let claims: Value = crate::support::jwt::claims(&server.sign_up("ada@example.com").token);
    assert_eq!(claims["iss"], metadata["issuer"]);
}
