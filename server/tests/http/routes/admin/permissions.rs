//! Who may use the endpoints for administrators.

use crate::support::{ENDPOINTS, Endpoint, RequiredToken, Response, Server};

/// Each endpoint for administrators, and the scope that a service needs.
fn endpoints() -> impl Iterator<Item = (Endpoint, &'static str)> {
    let endpoints = ENDPOINTS.into_iter();
    let endpoints =
        endpoints.filter(|endpoint| endpoint.required_token == RequiredToken::Administrator);
    endpoints.map(|endpoint| {
        let scope = match endpoint {
            Endpoint { path, .. } if path.ends_with("/activity") => "audit:read",
            Endpoint { method: "GET", .. } => "users:read",
            _ => "users:write",
        };
        (endpoint, scope)
    })
}

/// Sends a request about a user that does not exist.
#[track_caller]
fn ask(server: &Server, endpoint: Endpoint, token: &str) -> Response {
    let path = endpoint
        .path
        .replace("{id}", "00000000-0000-4000-8000-000000000000")
        .replace("{delivery}", "00000000-0000-4000-8000-000000000000");
    let request = server.request(endpoint.method, &path);
    if token.is_empty() {
        request.send()
    } else {
        request.token(token).send()
    }
}

/// A client that is let in learns that there is no such user, or that fields are missing.
fn is_let_in(response: &Response) -> bool {
    matches!(response.status, 200 | 400 | 404)
}

#[test]
fn only_administrators_and_keys_with_the_scope_are_let_in() {
    let server = Server::start();
    let user = server.sign_up_verified("ada@example.com");
    let root = server.administrator("root@example.com");
    server.verify_users();
    let scopes = ["tokens:verify", "users:read", "users:write", "audit:read"];
    let keys = scopes.map(|scope| (scope, server.service_key(scope)));
    for (endpoint, needed) in endpoints() {
        let name = format!("{} {}", endpoint.method, endpoint.path);
        ask(&server, endpoint, "").assert_error(401, "not_authenticated");
        ask(&server, endpoint, "garbage").assert_error(401, "token_invalid");
        ask(&server, endpoint, "lk_garbage").assert_error(401, "key_invalid");
        ask(&server, endpoint, &root.refresh_token).assert_error(401, "token_invalid");
        ask(&server, endpoint, &user.token).assert_error(403, "permission_denied");
        let response = ask(&server, endpoint, &root.token);
        assert!(is_let_in(&response), "{name}: {response}");
        for (scope, key) in &keys {
            let response = ask(&server, endpoint, key);
            // Keys and webhooks are out of reach for services.
            let is_reserved = ["/keys", "/webhooks"].map(|part| endpoint.path.contains(part));
            if *scope == needed && is_reserved == [false; 2] {
                assert!(is_let_in(&response), "{name} {scope}: {response}");
            } else {
                response.assert_error(403, "permission_denied");
            }
        }
    }
}

#[test]
fn an_administrator_who_loses_the_role_is_out_at_once() {
    let server = Server::start();
    let ada = server.administrator("ada@example.com");
    let root = server.administrator("root@example.com");
    let list = |token: &str| server.get("/api/admin/users").token(token).send();
    assert_eq!(list(&ada.token).status, 200);
    let id = server.id_of("ada@example.com");
    let demoted = server.change_user(&root.token, &id, serde_json::json!({"is_admin": false}));
    assert_eq!(demoted.status, 200, "{demoted}");
    list(&ada.token).assert_error(403, "permission_denied");
    // The session continues.
    server.assert_valid(&ada);
}
