//! Cross-origin resource sharing: which other origins' scripts may call the API.

use serde_json::json;

use crate::support::{PASSWORD, RequestBuilder, Response, Server, TestEnv};

const APP: &str = "https://app.example.com";
const NATIVE: &str = "tauri://localhost";
const ORIGINS: (&str, &str) = (
    "LATCHKEY_CORS_ORIGINS",
    "https://app.example.com,http://localhost:5173, tauri://localhost",
);

/// Marks a request as a script of another site sends it.
fn from<'a>(request: RequestBuilder<'a>, origin: &str) -> RequestBuilder<'a> {
    request
        .header("origin", origin)
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "cors")
        .header("sec-fetch-dest", "empty")
}

fn preflight(server: &Server, path: &str, origin: &str) -> Response {
    from(server.request("OPTIONS", path), origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
        .send()
}

fn list(response: &Response, header: &str) -> Vec<String> {
    let items = response.header(header).split(',');
    let mut items: Vec<_> = items.map(|item| item.trim().to_lowercase()).collect();
    items.sort();
    items
}

fn varies_by_origin(response: &Response) -> bool {
    let values = response.headers.get_all("vary").iter();
    values
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[track_caller]
fn assert_readable(response: &Response, origin: &str) {
    assert_eq!(response.header("access-control-allow-origin"), origin);
    assert_eq!(response.header("access-control-allow-credentials"), "true");
    assert!(varies_by_origin(response), "{response}");
}

#[track_caller]
fn assert_unreadable(response: &Response) {
    let mut names = response.headers.keys();
    assert!(
        !names.any(|name| name.as_str().starts_with("access-control-")),
        "{response}"
    );
}

#[test]
fn a_preflight_of_an_allowed_origin_succeeds() {
    let server = Server::start_with(&[ORIGINS]);
    for path in [
        "/api/user/login",
        "/api/user/view/",
        "/api",
        "/api/nowhere",
        "/.well-known/jwks.json",
    ] {
        for origin in [APP, NATIVE, "http://localhost:5173"] {
            let response = preflight(&server, path, origin);
            assert_eq!((response.status, response.text()), (204, ""), "{path}");
            assert_readable(&response, origin);
            assert_eq!(
                list(&response, "access-control-allow-headers"),
                ["authorization", "content-type"]
            );
            let methods = list(&response, "access-control-allow-methods");
            assert!(
                ["get", "post"]
                    .iter()
                    .all(|name| methods.contains(&name.to_string()))
            );
            assert_eq!(response.header("access-control-max-age"), "600");
        }
    }
}

#[test]
fn responses_to_an_allowed_origin_are_readable_whatever_they_are() {
    let server = Server::start_with(&[ORIGINS]);
    let post = |path: &str| from(server.post(path), APP);
    let json = json!({"email": "ada@example.com", "password": PASSWORD});
    let created = post("/api/user/create").json(json.clone()).send();
    let signed_in = post("/api/user/login").json(json).send();
    let token = crate::support::TokenPair::from(&signed_in).token;
    for (status, response) in [
        (201, created),
        (200, signed_in),
        (
            200,
            from(server.get("/api/user/view"), APP).token(&token).send(),
        ),
        (400, post("/api/user/login").json(json!({})).send()),
        (
            400,
            post("/api/user/login").body("application/json", "{").send(),
        ),
        (401, from(server.get("/api/user/view"), APP).send()),
        (404, post("/api/nowhere").send()),
        (405, post("/api/user/view").send()),
        (
            413,
            post("/api/user/login")
                .body("application/json", " ".repeat(20_000))
                .send(),
        ),
        (415, post("/api/user/login").body("text/plain", "x").send()),
        (200, from(server.get("/.well-known/jwks.json"), APP).send()),
        (204, post("/api/user/logout").token(&token).send()),
    ] {
        assert_eq!(response.status, status, "{response}");
        assert_readable(&response, APP);
        assert_eq!(
            list(&response, "access-control-expose-headers"),
            ["retry-after", "www-authenticate", "x-request-id"]
        );
    }
    let refused = (0..1_000)
        .map(|_| from(server.get("/api/user/view"), APP).send())
        .find(|response| response.status == 429)
        .expect("a limit");
    assert_readable(&refused, APP);
    assert_ne!(refused.header("retry-after"), "");
    // Preflights are not limited.
    assert_eq!(preflight(&server, "/api/user/view", APP).status, 204);
}

#[test]
fn other_origins_get_nothing() {
    let server = Server::start_with(&[ORIGINS]);
    for origin in [
        "https://elsewhere.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com.elsewhere.example",
        "https://sub.app.example.com",
        "HTTPS://APP.EXAMPLE.COM",
        "null",
        "",
        "*",
    ] {
        let response = preflight(&server, "/api/user/login", origin);
        assert_eq!(response.status, 403, "{origin}");
        assert_unreadable(&response);
        let response = from(server.get("/api/user/view"), origin).send();
        let response = response.assert_error(403, "permission_denied");
        assert_unreadable(&response);
        assert!(varies_by_origin(&response));
        assert_unreadable(&from(server.get("/.well-known/jwks.json"), origin).send());
    }
    // A program that sends no origin, and the server's own pages.
    let response = server.get("/api/user/view").send();
    assert_unreadable(&response);
    assert!(varies_by_origin(&response));
    let own = server.get("/api/user/view").header("origin", server.url());
    assert_unreadable(&own.header("sec-fetch-site", "same-origin").send());
    // An OPTIONS request that is no preflight is a wrong method, as always.
    let options = server
        .request("OPTIONS", "/api/user/view")
        .header("origin", APP);
    options.send().assert_error(405, "method_not_allowed");
    // Pages are nobody's but the browser's own.
    let page = from(server.get("/login"), APP).send();
    assert_eq!(page.status, 200);
    assert_unreadable(&page);
}

#[test]
fn nothing_is_allowed_by_default() {
    let server = Server::start();
    let response = preflight(&server, "/api/user/login", APP);
    assert_eq!(response.status, 403);
    assert_unreadable(&response);
    from(server.get("/api/user/view"), APP)
        .send()
        .assert_error(403, "permission_denied");
    assert!(!varies_by_origin(&server.get("/api/user/view").send()));
}

#[test]
fn what_is_no_origin_stops_the_start() {
    let env = TestEnv::new();
    for (origins, reason) in [
        ("*", "would allow every website"),
        ("null", "would allow every website"),
        (
            "https://app.example.com,https://*.example.com",
            "would allow every website",
        ),
        (
            "https://app.example.com/",
            "write https://app.example.com/ as https://app.example.com",
        ),
        ("app.example.com", "is no origin"),
        ("https://app.example.com/path", "is no origin"),
    ] {
        let output = env.run_command(env.command(&[("LATCHKEY_CORS_ORIGINS", origins)]), "");
        let line = output.assert_fails_with_one_line();
        assert!(
            line.contains("LATCHKEY_CORS_ORIGINS") && line.contains(reason),
            "{line}"
        );
    }
}
