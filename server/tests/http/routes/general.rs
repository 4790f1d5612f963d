//! What holds for the whole API, whichever endpoint is asked.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{ENDPOINTS, Endpoint, PASSWORD, RequiredToken, Server};

const CREATE: &str = "/api/user/create";

/// The largest body that is taken, in bytes.
const LIMIT: usize = 16 * 1024;

/// A good request to make an account, as JSON of this length.
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
                if method == right {
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
    let server = Server::start();
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
        assert_ne!(with.status, 404, "{path}");
        server
            .request(method, &format!("{path}//"))
            .send()
            .assert_error(404, "not_found");
    }
}

#[test]
fn credentials_are_needed_where_the_contract_says_so() {
    let server = Server::start();
    for Endpoint {
        method,
        path,
        required_token,
    } in ENDPOINTS
    {
        let response = server.request(method, path).send();
        match required_token {
            RequiredToken::None => assert_eq!(response.status, 400, "{path}: {response}"),
            RequiredToken::Access | RequiredToken::MfaPending => {
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
fn both_content_types_are_taken_with_parameters_and_in_any_case() {
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
fn other_content_types_are_not_supported() {
    let server = Server::start();
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
fn a_body_that_does_not_parse_is_malformed() {
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
fn a_body_of_16_kib_is_taken_and_none_larger() {
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
fn a_large_body_is_refused_however_it_is_sent() {
    let server = Server::start();
    let head = format!(
        "POST {CREATE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
    );
    // Announced, but not sent.
    let announced = format!("{head}Content-Length: 100000000000\r\n\r\n");
    assert_eq!(server.raw_connection().send(announced).status(), Some(413));
    // Not announced: in chunks, one more than there is room for.
    let chunk = format!("400\r\n{}\r\n", " ".repeat(1024));
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}1\r\n \r\n",
        chunk.repeat(LIMIT / 1024)
    );
    assert_eq!(server.raw_connection().send(chunked).status(), Some(413));
    // Chunks within the limit are fine.
    let json = padded_json(1024);
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}400\r\n{json}\r\n0\r\n\r\n",
        chunk.repeat(LIMIT / 1024 - 1)
    );
    assert_eq!(server.raw_connection().send(chunked).status(), Some(201));
}

#[test]
fn a_client_that_takes_html_gets_json_all_the_same() {
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
fn each_answer_has_an_id_of_its_own() {
    let server = Server::start();
    let id = || {
        let response = server.get("/api/user/view").send();
        response.header("x-request-id").to_owned()
    };
    assert_ne!(id(), id());
}

#[test]
fn a_connection_serves_many_requests() {
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

/// Clients that send half of a request and then next to nothing hold no connection for ever, and
/// keep nobody out.
#[test]
fn slow_clients_are_cut_off() {
    /// How many are slow, in each way.
    const CLIENTS: usize = 50;
    let server = Server::start();
    let half_a_head = "POST /api/user/create HTTP/1.1\r\nHost: x\r\nContent-Ty";
    let half_a_body = "POST /api/user/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
                       Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"email\":";
    // After so many seconds, and on a slow machine some more.
    let ways = [("", 15), (half_a_head, 15), (half_a_body, 10)];
    thread::scope(|scope| {
        let server = &server;
        for (number, (start, limit)) in
            (0..CLIENTS).flat_map(|number| ways.map(|way| (number, way)))
        {
            scope.spawn(move || {
                let mut connection = server.raw_connection();
                let began = Instant::now();
                connection.send(start);
                if number == 0 {
                    // This one falls silent, the others send a byte now and then.
                    connection.read_to_end();
                } else {
                    while connection.try_send("x").is_ok() {
                        assert!(
                            began.elapsed().as_secs() < limit + 10,
                            "still open: {start:?}"
                        );
                        thread::sleep(Duration::from_millis(500));
                    }
                }
                let took = began.elapsed().as_secs();
                assert!((limit..limit + 10).contains(&took), "{start:?}: {took} s");
            });
        }
        for _ in 0..10 {
            let asked = Instant::now();
            assert_eq!(server.get("/readyz").send().status, 200);
            assert!(asked.elapsed() < Duration::from_secs(5));
            thread::sleep(Duration::from_millis(500));
        }
    });
    server.register("ada@example.com");
}
