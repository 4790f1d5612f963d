//! Malformed and hostile requests. None may cause a 5xx status or stop the server.

use serde_json::{Value, json};

use crate::support::{PASSWORD, Response, Server, TokenPair};

/// The endpoints that take fields, with valid values for them.
fn endpoints(pair: &TokenPair) -> [(&'static str, Value); 6] {
    [
        (
            "/api/user/create",
            json!({"email": "grace@example.com", "password": PASSWORD}),
        ),
        (
            "/api/user/login",
            json!({"email": "ada@example.com", "password": PASSWORD}),
        ),
        (
            "/api/user/login/refresh",
            json!({"refresh_token": pair.refresh_token}),
        ),
        ("/api/user/login/verify", json!({"token": pair.token})),
        ("/api/user/delete", json!({"current_password": PASSWORD})),
        ("/api/user/sessions/revoke", json!({"id": "1"})),
    ]
}

/// The response is a client error.
#[track_caller]
fn assert_rejected(response: &Response, request: &str) {
    assert!(
        (400..500).contains(&response.status),
        "{request:.200}: {response}"
    );
}

#[track_caller]
fn assert_still_serves(server: &Server, pair: &TokenPair) {
    assert_eq!(server.view(&pair.token).status, 200);
}

#[test]
fn malformed_json() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for (path, good) in endpoints(&pair) {
        let field = good.as_object().unwrap().keys().next().unwrap();
        let bodies: [Vec<u8>; 26] = [
            b"{".into(),
            b"}".into(),
            b"null".into(),
            b"true".into(),
            b"0".into(),
            b"\"text\"".into(),
            b"[]".into(),
            b"[null, null]".into(),
            b"[\"ada@example.com\", \"tall-violet-anchor-92\"]".into(),
            b"nonsense".into(),
            b"\0".into(),
            b"\xff\xfe".into(),
            b"{} {}".into(),
            format!("{{\"{field}\": }}").into(),
            format!("{{\"{field}\": \"x\"").into(),
            format!("{{\"{field}\": \"x\",}}").into(),
            format!("{{\"{field}\": 'x'}}").into(),
            format!("{{\"{field}\": NaN}}").into(),
            format!("{{{field}: \"x\"}}").into(),
            format!("{{\"{field}\": \"\\ud800\"}}").into(),
            format!("{{\"{field}\": \"\\udfff\\ud800\"}}").into(),
            format!("{{\"{field}\": \"\\u00\"}}").into(),
            format!("{{\"{field}\": \"\n\"}}").into(),
            [b"{\"", field.as_bytes(), b"\": \"\xff\xc0\x80\"}"].concat(),
            [b"\xef\xbb\xbf", good.to_string().as_bytes(), b"x"].concat(),
            format!("{good}garbage").into(),
        ];
        for body in bodies {
            server
                .post(path)
                .token(&pair.token)
                .body("application/json", body)
                .send()
                .assert_error(400, "malformed_request");
        }
    }
    assert_still_serves(&server, &pair);
}

#[test]
fn unusual_json() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for (path, good) in endpoints(&pair) {
        let field = good.as_object().unwrap().keys().next().unwrap();
        for body in [
            format!("{{\"{field}\": {}1{}}}", "[".repeat(8000), "]".repeat(8000)),
            format!("{{\"{field}\": {}", "[".repeat(16_000)),
            format!("{{\"{field}\": {}", "{\"a\":".repeat(3000)),
            format!("{{\"{field}\": \"x\", \"{field}\": \"y\"}}"),
            format!("{{\"{field}\": 1e400}}"),
            format!("{{\"{field}\": -1e400}}"),
            format!("{{\"{field}\": {}}}", "9".repeat(10_000)),
            format!("{{\"{field}\": 0.{}}}", "1".repeat(10_000)),
            format!("{{\"{field}\": 18446744073709551616}}"),
            format!("{{\"{field}\": -9223372036854775809}}"),
            format!("{{\"{field}\": \"\\u0000\"}}"),
            format!("{{\"{field}\": \"{}\"}}", "\\u0000".repeat(2000)),
            format!("{{\"{field}\": \"{}\"}}", "🦀".repeat(4000)),
            format!("{{\"{field}\": \"{}\"}}", "a".repeat(16_000)),
            format!("{{\"{field}\": \"{}\"}}", "\u{301}".repeat(5000)),
            format!("{{\"{field}\": \"\u{202e}\u{feff}\u{fffd}\u{10ffff}\"}}"),
            format!("{{\"__proto__\": {{\"{field}\": \"x\"}}, \"constructor\": 1}}"),
            format!("{{\"{}\": \"x\"}}", "k".repeat(10_000)),
            format!("{{\"\": \"x\", \"\\u0000\": \"y\", \"{field}[]\": \"z\"}}"),
        ] {
            let response = server
                .post(path)
                .token(&pair.token)
                .body("application/json", body.as_str())
                .send();
            assert_rejected(&response, &format!("{path} {body}"));
        }
    }
    assert_still_serves(&server, &pair);
}

#[test]
fn unusual_forms() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for (path, good) in endpoints(&pair) {
        let field = good.as_object().unwrap().keys().next().unwrap().as_str();
        for body in [
            format!("{field}=%"),
            format!("{field}=%0"),
            format!("{field}=%zz"),
            format!("{field}=%00"),
            format!("{field}=%ff%fe"),
            format!("{field}=%ed%a0%80"),
            format!("{field}=%c0%80"),
            format!("{field}=x&{field}=y"),
            format!("{field}[]=x&{field}[a]=y"),
            field.to_owned(),
            format!("{field}=%F0%9F%A6%80"),
            "=".to_owned(),
            "&".into(),
            "&&&&==&=".into(),
            "%".into(),
            "\0".into(),
            "+".into(),
            ";".into(),
            "a=b&".repeat(4000),
            "&".repeat(16_000),
        ] {
            let response = server
                .post(path)
                .token(&pair.token)
                .body("application/x-www-form-urlencoded", body.as_str())
                .send();
            assert_rejected(&response, &format!("{path} {body}"));
        }
        for body in [
            [field.as_bytes(), b"=\xff\xfe"].concat(),
            b"\xff=\xff".to_vec(),
        ] {
            let response = server
                .post(path)
                .token(&pair.token)
                .body("application/x-www-form-urlencoded", body)
                .send();
            assert_rejected(&response, path);
        }
    }
    assert_still_serves(&server, &pair);
}

/// Invalid UTF-8 would be replaced before hashing: the password would not be used "exactly as
/// sent", and many different passwords would be equal.
#[test]
fn password_that_is_not_utf8() {
    let server = Server::start();
    for password in [&b"tall-violet-%ff-anchor"[..], b"tall-violet-\xff-anchor"] {
        let body = [b"email=ada%40example.com&password=", password].concat();
        let response = server
            .post("/api/user/create")
            .body("application/x-www-form-urlencoded", body)
            .send();
        assert_rejected(&response, "/api/user/create");
    }
    assert_eq!(server.database().count("users", "true"), 0);
}

#[test]
fn body_that_does_not_match_its_content_type() {
    let server = Server::start();
    let json = json!({"email": "ada@example.com", "password": PASSWORD}).to_string();
    let form = format!("email=ada%40example.com&password={PASSWORD}");
    server
        .post("/api/user/create")
        .body("application/x-www-form-urlencoded", json)
        .send()
        .assert_field_errors(&["email", "password"]);
    server
        .post("/api/user/create")
        .body("application/json", form)
        .send()
        .assert_error(400, "malformed_request");
}

#[test]
fn unusual_email_addresses() {
    let server = Server::start();
    for email in [
        "\"ada lovelace\"@example.com",
        "\"\"@example.com",
        "\"\\\"\"@example.com",
        "ada@[127.0.0.1]",
        "ada@[IPv6:::1]",
        "ada@localhost",
        "ada@example",
        "ada@example.com.",
        "ada@münchen.example",
        "δοκιμή@παράδειγμα.δοκιμή",
        "用户@例子.广告",
        "🦀@example.com",
        "ada(comment)@example.com",
        "ada@\u{130}.example",
        "\u{130}@example.com",
        "\u{1e9e}@example.com",
        "i\u{307}@example.com",
        "ada@\u{ff45}xample.com",
        "ada\u{200b}@example.com",
        "\u{feff}ada@example.com",
        "ada@example.com;grace@example.com",
        "ada@1.1.1.1",
        "ada@xn--.example",
        "ada@xn--a.example",
        "--@example.com",
        "'; DROP TABLE users; --@example.com",
        "$(id)@example.com",
        "{{7*7}}@example.com",
        "<script>alert(1)</script>@example.com",
        "\u{0}@\u{0}",
        "@".repeat(5000).as_str(),
        &"ß".repeat(127),
        &format!("{}@example.com", "ß".repeat(120)),
        &format!("ada@{}.com", "ÿ".repeat(120)),
    ] {
        let created = server
            .post("/api/user/create")
            .json(json!({"email": email, "password": PASSWORD}))
            .send();
        let sign_in = server.try_sign_in(email, PASSWORD);
        match created.status {
            201 => assert_eq!(sign_in.status, 200, "{email}: {sign_in}"),
            // Another spelling of an address before it.
            _ if created.to_string().contains("already exists") => {
                assert_eq!(sign_in.status, 200, "{email}: {sign_in}");
            }
            _ => {
                created.assert_field_errors(&["email"]);
                sign_in.assert_error(401, "invalid_credentials");
            }
        }
    }
}

#[test]
fn unusual_paths() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for path in [
        "/%00",
        "/%",
        "/%zz",
        "/%ff%fe",
        "/%2e%2e%2f",
        "/..%2f..%2fetc%2fpasswd",
        "/pkg/%00",
        "/pkg/..",
        "/pkg/..%00/",
        "//",
        "///////",
        "//example.com/",
        "/\\example.com",
        "/pkg/%5c..%5c",
        "/api/%00",
        "/api/%",
        "/api/user/%00",
        "/api/user/view%00",
        "/api/user/view%2f",
        "/api/user%2fview",
        "/api//user/view",
        "/api/./user/view",
        "/api/../api/user/view",
        "/api/user/view/..",
        "/api/user/view//",
        "/API/user/view",
        "/api/user/%ff",
        &format!("/api/{}", "a/".repeat(3000)),
        &format!("/{}", "a".repeat(8000)),
    ] {
        // Sent raw: a client library would normalize some of these.
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            pair.token
        );
        let status = server.raw_connection().send(request).status();
        assert!(
            status.is_some_and(|status| status < 500),
            "{path:.100}: {status:?}"
        );
    }
    assert_still_serves(&server, &pair);
}

#[test]
fn unusual_queries() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    for query in [
        "",
        "a",
        "a=b&a=c",
        "%",
        "%00",
        "%ff=%ff",
        "email[]=x",
        "&&&",
        "?",
        &"q".repeat(8000),
    ] {
        let response = server
            .get(&format!("/api/user/view?{query}"))
            .token(&pair.token)
            .send();
        assert_eq!(response.status, 200, "{query:.100}: {response}");
    }
    // Fields are read from the body only.
    server
        .post(&format!(
            "/api/user/create?email=grace%40example.com&password={PASSWORD}"
        ))
        .send()
        .assert_field_errors(&["email", "password"]);
}

#[test]
fn unusual_request_heads() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let get = |headers: &str| {
        format!("GET /api/user/view HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
    };
    for request in [
        get(&format!("X: {}\r\n", "a".repeat(64 * 1024))),
        get(&format!("X: {}\r\n", "a".repeat(1024 * 1024))),
        get(&format!(
            "Authorization: Bearer {}\r\n",
            "a".repeat(100_000)
        )),
        get(&"X: y\r\n".repeat(5000)),
        get(&format!("{}: x\r\n", "n".repeat(70_000))),
        get("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
        get("X-Request-Id: \r\n"),
        get("X-Request-Id: a b; c=\"d\"\r\n"),
        get(&format!("X-Request-Id: {}\r\n", "i".repeat(10_000))),
        get("Accept: \r\nAccept-Encoding: ;q=x,,,\r\nAccept-Language: *\r\n"),
        get("Range: bytes=9-1,-0,x\r\nIf-Modified-Since: never\r\nIf-None-Match: \"\r\n"),
        get("Host: y\r\n"),
        get("Content-Length: 5\r\n"),
        get("Content-Length: -1\r\n"),
        get("Content-Length: x\r\n"),
        get("Content-Length: 99999999999999999999999\r\n"),
        get("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n",
        get("Transfer-Encoding: x\r\n"),
        get("Expect: nothing\r\n"),
        get("Upgrade: websocket\r\nConnection: Upgrade\r\n"),
        get("no colon\r\n"),
        get("\0: \0\r\n"),
        "GET\r\n\r\n".into(),
        "GET / HTTP/9.9\r\n\r\n".into(),
        "get /api/user/view HTTP/1.1\r\nConnection: close\r\n\r\n".into(),
        "GET http://elsewhere.example/api/user/view HTTP/1.1\r\nConnection: close\r\n\r\n".into(),
        "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "TRACE /api/user/view HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(),
        "\r\n\r\n\r\n\r\n".into(),
        "\0".repeat(1000),
        "\x16\x03\x01\x02\x00\x01\x00".into(),
    ] {
        let mut connection = server.raw_connection();
        connection.send(&request).finish();
        let status = connection.status();
        assert!(
            status.is_none_or(|status| status < 500),
            "{request:.200}: {status:?}"
        );
    }
    for content_type in ["", ";", "/", "json", "application/", "text/html", "\u{e9}"] {
        let response = server
            .post("/api/user/create")
            .body(content_type, "{}")
            .send();
        response.assert_error(415, "unsupported_media_type");
    }
    assert_still_serves(&server, &pair);
}

#[test]
fn unusual_bodies() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let post = |headers: &str, body: &str| {
        format!(
            "POST /api/user/create HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{headers}\r\n{body}"
        )
    };
    let chunked = "Transfer-Encoding: chunked\r\n";
    for request in [
        post("Content-Length: 10\r\n", "{}"),
        post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"),
        post(chunked, "zz\r\n{}\r\n0\r\n\r\n"),
        post(chunked, "2\r\n{}x\r\n"),
        post(chunked, "ffffffffffffffffff\r\n{}"),
        post(chunked, "-1\r\n{}"),
        post(chunked, "2;ext=\"\r\n{}\r\n0\r\n\r\n"),
        post(chunked, "2\r\n{}\r\n0\r\nX-Trailer: \0\r\n\r\n"),
        post(chunked, &"1\r\n \r\n".repeat(20_000)),
        post("Content-Encoding: gzip\r\nContent-Length: 2\r\n", "{}"),
    ] {
        let mut connection = server.raw_connection();
        connection.send(&request).finish();
        let status = connection.status();
        assert!(
            status.is_none_or(|status| (400..500).contains(&status)),
            "{request:.300}: {status:?}"
        );
    }
    assert_still_serves(&server, &pair);
}
