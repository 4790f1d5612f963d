//! Connections on which a response is ready before the body of its request has arrived.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::support::{ENDPOINTS, PASSWORD, Server, raw_connection::RawConnection};

/// Returns the head of a request with a body of this length.
fn head(method: &str, path: &str, content_type: &str, length: usize) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    )
}

/// Reads one response. Returns its status, and whether it says that the connection ends.
fn read_response(connection: &mut RawConnection) -> (String, bool) {
    let head = connection.read_until("\r\n\r\n");
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    connection.skip(length.map_or(0, |length| length.parse().expect("a length")));
    let status = head["HTTP/1.1 ".len()..][..3].to_owned();
    (status, lower.contains("\r\nconnection: close\r\n"))
}

/// Sends a head, a while later the body, and then another request on the same connection, which is
/// answered unless the first response says that there will be none.
#[track_caller]
fn assert_connection_is_kept(server: &Server, head: &str, body: &str, status: &str) {
    let mut connection = server.raw_connection();
    connection.send(head);
    thread::sleep(Duration::from_millis(100));
    connection.send(body);
    assert_eq!(
        read_response(&mut connection),
        (status.to_owned(), false),
        "{head}"
    );
    connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(
        read_response(&mut connection),
        ("200".to_owned(), false),
        "{head}"
    );
}

#[test]
fn short_bodies_are_read_whatever_the_response() {
    let server = Server::start();
    let body = format!(r#"{{"email":"ada@example.com","password":"{PASSWORD}"}}"#);
    let json = "application/json";
    for (method, path, content_type, status) in [
        ("POST", "/api/nowhere", json, "404"),
        ("POST", "/nowhere", json, "405"),
        ("PUT", "/api/user/create", json, "405"),
        ("POST", "/api/user/create", "text/plain", "415"),
        ("POST", "/healthz", json, "405"),
        ("POST", "/api/user/logout", json, "401"),
        ("GET", "/healthz", json, "200"),
        ("POST", "/api/user/create", json, "201"),
    ] {
        let head = head(method, path, content_type, body.len());
        assert_connection_is_kept(&server, &head, &body, status);
    }
    let chunked = "POST /api/nowhere HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_connection_is_kept(&server, chunked, "5\r\nhello\r\n0\r\n\r\n", "404");
    let longest = "x".repeat(16 * 1024);
    let head = head("POST", "/api/nowhere", json, longest.len());
    assert_connection_is_kept(&server, &head, &longest, "404");
}

#[test]
fn throttled_requests_keep_their_connection() {
    let server = Server::start();
    let body = r#"{"email":"ada@example.com","password":"wrong"}"#;
    let head = head("POST", "/api/user/login", "application/json", body.len());
    let is_throttled = || {
        let login = server
            .post("/api/user/login")
            .body("application/json", body);
        login.send().status == 429
    };
    crate::support::wait_until("throttled", Duration::from_secs(60), is_throttled);
    assert_connection_is_kept(&server, &head, body, "429");
}

/// The response says that the connection ends, and the client gets all of it while it still sends.
#[test]
fn long_bodies_end_the_connection() {
    let server = Server::start();
    for path in ["/api/nowhere", "/api/user/create", ENDPOINTS[0].path] {
        for body in ["x".repeat(16 * 1024 + 1), "x".repeat(200 * 1024)] {
            let mut connection = server.raw_connection();
            connection.send(head("POST", path, "application/json", body.len()));
            thread::sleep(Duration::from_millis(50));
            connection.send(&body);
            let (status, ends) = read_response(&mut connection);
            assert!(ends, "{path}");
            assert!(
                ["404", "405", "413"].contains(&&*status),
                "{path}: {status}"
            );
            assert_eq!(connection.read_to_end(), "", "{path}");
        }
    }
}

/// A client that waits for `100 Continue`, or never sends its body, is not waited for.
#[test]
fn absent_bodies_end_the_connection() {
    let server = Server::start();
    let head = "POST /api/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n";
    for rest in ["Expect: 100-continue\r\n\r\n", "\r\n", "\r\nhel"] {
        let start = Instant::now();
        let mut connection = server.raw_connection();
        connection.send(format!("{head}{rest}"));
        assert_eq!(
            read_response(&mut connection),
            ("404".to_owned(), true),
            "{rest}"
        );
        connection.finish();
        assert_eq!(connection.read_to_end(), "");
        assert!(start.elapsed() < Duration::from_secs(5), "{rest}");
    }
}
