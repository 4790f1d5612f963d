//! The rules for all endpoints of the API.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{ENDPOINTS, Endpoint, NO_LIMITS, PASSWORD, RequiredToken, Server};

const CREATE: &str = "/api/user/create";

/// The maximum size of a request body in bytes.
const LIMIT: usize = 16 * 1024;

/// Returns a valid registration as JSON of this length.
fn padded_json(length: usize) -> String {
    let json = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let padding = " ".repeat(length - json.len());
    padding + &json
}

#[test]
fn unknown_paths_are_not_found() {
    let server = Server::start();
    for path in [
        "/api",
        "/api/",
        "/api/x",
        "/api/user",
        "/api/user/",
        "/api/user/creat",
        "/api/user/create/x",
        "/api/user/create//",
        "/api/user//create",
        "/api/User/create",
        "/api/user/login/refresh/x",
        "/api/index.html",
        "/api/robots.txt",
    ] {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            server
                .request(method, path)
                .send()
                .assert_error(404, "not_found");
        }
        server
            .post(path)
            .header("accept", "text/html")
            .json(json!({}))
            .send()
            .assert_error(404, "not_found");
    }
}

#[test]
fn wrong_methods_are_not_allowed() {
    let server = Server::start();
    for Endpoint {
        method: right,
        path,
        ..
    } in ENDPOINTS
    {
        for path in [path, &format!("{path}/")] {
            for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
                let is_served = |endpoint: &Endpoint| {
                    endpoint.path == path.trim_end_matches('/') && endpoint.method == method
                };
                if ENDPOINTS.iter().any(is_served) {
                    continue;
                }
                let response = server
                    .request(method, path)
                    .send()
                    .assert_error(405, "method_not_allowed");
                let allowed: Vec<_> = response.header("allow").split(',').map(str::trim).collect();
                assert!(allowed.contains(&right), "{method} {path}: {response}");
                assert!(!allowed.contains(&method), "{method} {path}: {response}");
            }
        }
    }
}

#[test]
fn one_trailing_slash_means_the_same_path() {
    // It sends more requests than the limits allow.
    let server = Server::start_with(&[NO_LIMITS]);
    server
        .post("/api/user/create/")
        .json(json!({"email": "ada@example.com", "password": PASSWORD}))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
    for Endpoint { method, path, .. } in ENDPOINTS {
        let without = server.request(method, path).send();
        let with = server.request(method, &format!("{path}/")).send();
        assert_eq!(
            (with.status, with.text()),
            (without.status, without.text()),
            "{path}"
        );
        // A provider of which there is none.
        let names_nothing = path.contains("{provider}");
        assert_eq!(with.status == 404, names_nothing, "{path}");
        server
            .request(method, &format!("{path}//"))
            .send()
            .assert_error(404, "not_found");
    }
}

#[test]
fn credentials_are_required_as_specified() {
    let server = Server::start_for_passkeys();
    for Endpoint {
        method,
        path,
        required_token,
    } in ENDPOINTS
    {
        let response = server.request(method, path).send();
        match required_token {
            // They have no fields.
            RequiredToken::None
                if ["/api/passkey/login/begin", "/api/social/providers"].contains(&path) =>
            {
                assert_eq!(response.status, 200, "{response}");
            }
            RequiredToken::None if path.contains("{provider}") => {
                response.assert_error(404, "not_found");
            }
            RequiredToken::None => assert_eq!(response.status, 400, "{path}: {response}"),
            RequiredToken::Access
            | RequiredToken::Enrolling
            | RequiredToken::MfaPending
            | RequiredToken::ServiceKey
            | RequiredToken::Administrator => {
                response.assert_json(
                    401,
                    json!({
                        "detail": "Authentication credentials were not provided.",
                        "code": "not_authenticated",
                    }),
                );
            }
        }
    }
}

#[test]
fn content_types_may_have_parameters_and_any_case() {
    let server = Server::start();
    let json = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let form = format!("email=ada%40example.com&password={PASSWORD}");
    server.register("ada@example.com");
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
    ] {
        let response = server
            .post("/api/user/login")
            .body(content_type, json.as_str())
            .send();
        assert_eq!(response.status, 200, "{content_type}: {response}");
    }
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "APPLICATION/x-WWW-form-urlencoded",
    ] {
        let response = server
            .post("/api/user/login")
            .body(content_type, form.as_str())
            .send();
        assert_eq!(response.status, 200, "{content_type}: {response}");
    }
}

#[test]
fn other_content_types_are_rejected() {
    let server = Server::start_with(&[NO_LIMITS]);
    let json = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    for content_type in [
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonx",
        "application/octet-stream",
        "application/cbor",
        "multipart/form-data; boundary=x",
    ] {
        for Endpoint { method, path, .. } in ENDPOINTS {
            if method == "POST" {
                server
                    .post(path)
                    .body(content_type, json.as_str())
                    .send()
                    .assert_error(415, "unsupported_media_type");
            }
        }
    }
    let nameless = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    assert_eq!(server.raw_connection().send(nameless).status(), Some(415));
}

#[test]
fn unparsable_body_is_malformed() {
    let server = Server::start();
    for Endpoint { method, path, .. } in ENDPOINTS {
        if method == "POST" {
            server
                .post(path)
                .body("application/json", "{")
                .send()
                .assert_error(400, "malformed_request");
        }
    }
}

#[test]
fn body_may_have_16_kib_and_no_more() {
    let server = Server::start();
    server
        .post(CREATE)
        .body("application/json", padded_json(LIMIT + 1))
        .send()
        .assert_error(413, "request_too_large");
    server
        .post(CREATE)
        .body("application/x-www-form-urlencoded", "a".repeat(LIMIT + 1))
        .send()
        .assert_error(413, "request_too_large");
    server
        .post(CREATE)
        .body("application/json", padded_json(LIMIT))
        .send()
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
}

#[test]
fn large_body_is_rejected_with_and_without_content_length() {
    let server = Server::start();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    // With a Content-Length, but without the body.
    let announced = format!("{head}Content-Length: 100000000000\r\n\r\n");
    assert_eq!(server.raw_connection().send(announced).status(), Some(413));
    // Without a Content-Length, in chunks that exceed the limit by one byte.
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}1\r\n \r\n",
        chunk.repeat(LIMIT / 1024)
    );
    assert_eq!(server.raw_connection().send(chunked).status(), Some(413));
    // Chunks within the limit are accepted.
    let json = padded_json(1024);
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}400\r\n{json}\r\n0\r\n\r\n",
        chunk.repeat(LIMIT / 1024 - 1)
    );
    assert_eq!(server.raw_connection().send(chunked).status(), Some(201));
}

#[test]
fn client_that_accepts_html_receives_json() {
    let server = Server::start();
    let post = |body| {
        server
            .post(CREATE)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("referer", format!("{}/register", server.url()))
            .json(body)
            .send()
    };
    post(json!({"email": "ada@example.com"})).assert_field_errors(&["password"]);
    post(json!({"email": "ada@example.com", "password": PASSWORD}))
        .assert_json(201, json!({"id": "<uuid>", "email": "ada@example.com"}));
}

#[test]
fn each_response_has_a_unique_id() {
    let server = Server::start();
    let id = || {
        let response = server.get("/api/user/view").send();
        response.header("x-request-id").to_owned()
    };
    assert_ne!(id(), id());
}

/// Otherwise clients could choose what the log says of them.
#[test]
fn takes_the_id_from_trusted_proxies_only() {
    let id = |server: &Server, given: &str| {
        let response = server
            .get("/api/user/view")
            .header("x-request-id", given)
            .send();
        response.header("x-request-id").to_owned()
    };
    let direct = Server::start();
    assert_ne!(id(&direct, "chosen-by-the-client"), "chosen-by-the-client");
    let behind = Server::start_with(&[("LATCHKEY_TRUSTED_PROXIES", "127.0.0.0/8")]);
    assert_eq!(id(&behind, "chosen-by-the-proxy"), "chosen-by-the-proxy");
    for invalid in ["", "with space", &"x".repeat(65)] {
        assert_ne!(id(&behind, invalid), invalid);
    }
}

#[test]
fn rejects_what_browsers_send_for_other_websites() {
    let server = Server::start();
    let json = json!({"email": "ada@example.com", "password": PASSWORD});
    let create = |site: &str| {
        server
            .post(CREATE)
            .header("sec-fetch-site", site)
            .header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .json(json.clone())
            .send()
    };
    create("cross-site").assert_error(403, "permission_denied");
    for site in ["same-origin", "same-site", "none"] {
        assert_ne!(create(site).status, 403, "{site}");
    }
    let view = |mode: &str, dest: &str| {
        let request = server
            .get("/api/user/view")
            .header("sec-fetch-site", "cross-site");
        request
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest)
            .send()
    };
    view("navigate", "document").assert_error(401, "not_authenticated");
    for (mode, dest) in [
        ("cors", "empty"),
        ("no-cors", "image"),
        ("navigate", "iframe"),
    ] {
        view(mode, dest).assert_error(403, "permission_denied");
    }
    for Endpoint { method, path, .. } in ENDPOINTS {
        // A proxy asks there, on behalf of any browser.
        if path == "/api/token/forward-auth" {
            continue;
        }
        for path in [path, &format!("{path}/")] {
            let request = server
                .request(method, path)
                .header("sec-fetch-site", "cross-site");
            request.send().assert_error(403, "permission_denied");
        }
    }
    // Pages may be opened from anywhere.
    let page = server
        .get("/login")
        .header("sec-fetch-site", "cross-site")
        .send();
    assert_eq!(page.status, 200, "{page}");
}

#[test]
fn leads_password_managers_to_the_right_page() {
    let response = Server::start().get("/.well-known/change-password").send();
    assert_eq!(
        (response.status, response.header("location")),
        (302, "/account/security")
    );
}

#[test]
fn connection_serves_many_requests() {
    let server = Server::start();
    let mut connection = server.raw_connection();
    for _ in 0..3 {
        connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
        let head = connection.read_until("\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length: usize = head
            .to_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .expect("the length of the body");
        connection.skip(length);
    }
}

/// Clients that send part of a request and then next to nothing are disconnected, and do not block
/// others.
#[test]
fn slow_clients_are_disconnected() {
    /// The number of slow clients of each kind.
    const CLIENTS: usize = 50;
    let server = Server::start();
    let half_a_head = "POST /api/user/create HTTP/1.1\r\nHost: x\r\nContent-Ty";
    let half_a_body = "POST /api/user/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                       Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"email\":";
    // The kinds of slow clients with their timeouts in seconds.
    let ways = [("", 15), (half_a_head, 15), (half_a_body, 10)];
    thread::scope(|scope| {
        let server = &server;
        for (number, (start, limit)) in
            (0..CLIENTS).flat_map(|number| ways.map(|way| (number, way)))
        {
            scope.spawn(move || {
                let mut connection = server.raw_connection();
                let opened = Instant::now();
                connection.send(start);
                if number == 0 {
                    // This one sends nothing more; the others send a byte now and then.
                    connection.read_to_end();
                } else {
                    while connection.try_send("x").is_ok() {
                        assert!(
                            opened.elapsed().as_secs() < limit + 10,
                            "still open: {start:?}"
                        );
                        thread::sleep(Duration::from_millis(500));
                    }
                }
                let took = opened.elapsed().as_secs();
                assert!((limit..limit + 10).contains(&took), "{start:?}: {took} s");
            });
        }
        for _ in 0..10 {
            let start = Instant::now();
            assert_eq!(server.get("/readyz").send().status, 200);
            assert!(start.elapsed() < Duration::from_secs(5));
            thread::sleep(Duration::from_millis(500));
        }
    });
    server.register("ada@example.com");
}
