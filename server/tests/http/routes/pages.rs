//! The browser app's pages as the server renders them, and the files of the site.

use std::collections::BTreeMap;

use crate::support::{Response, SITE_FILE, Server, TestEnv};

const PAGES: [&str; 14] = [
    "/",
    "/register",
    "/login",
    "/account",
    "/account/profile",
    "/account/security",
    "/account/devices",
    "/account/activity",
    "/account/delete",
    "/admin",
    "/admin/activity",
    "/admin/invitations",
    "/admin/keys",
    "/admin/webhooks",
];

/// Returns the directives of a response's Content-Security-Policy.
#[track_caller]
fn policy(response: &Response) -> BTreeMap<String, Vec<String>> {
    response
        .header("content-security-policy")
        .split(';')
        .filter_map(|directive| {
            let mut words = directive.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.collect()))
        })
        .collect()
}

/// Returns the nonce in the policy for scripts.
#[track_caller]
fn nonce(response: &Response) -> String {
    let policy = policy(response);
    let nonces: Vec<_> = policy["script-src"]
        .iter()
        .filter_map(|source| source.strip_prefix("'nonce-")?.strip_suffix('\''))
        .collect();
    let &[nonce] = nonces.as_slice() else {
        panic!("not one nonce: {response}");
    };
    nonce.to_owned()
}

/// Returns the start tags of an element in HTML.
fn tags<'a>(html: &'a str, element: &str) -> Vec<&'a str> {
    html.match_indices(&format!("<{element}"))
        .filter_map(|(start, _)| Some(&html[start..start + html[start..].find('>')? + 1]))
        .collect()
}

#[test]
fn exist() {
    let server = Server::start();
    for path in PAGES {
        let response = server.get(path).header("accept", "text/html").send();
        assert_eq!(response.status, 200, "{path}: {response}");
        assert!(
            response.header("content-type").starts_with("text/html"),
            "{path}: {response}"
        );
        let html = response.text();
        assert!(html.starts_with("<!DOCTYPE html>"), "{path}: {html}");
        for extension in ["js", "wasm", "css"] {
            let file = format!("/pkg/{SITE_FILE}.{extension}");
            assert!(html.contains(&file), "{path} without {file}: {html}");
        }
    }
}

#[test]
fn that_do_not_exist_return_404() {
    let server = Server::start();
    for path in [
        "/no-such-page",
        "/login/x",
        "/account/x",
        "/account/security/x",
        "/admin/x",
        "/admin/users",
        "/admin/users/x",
        "/admin/keys/x",
        "/index.html",
        "/.env",
        "/apis",
    ] {
        let response = server.get(path).header("accept", "text/html").send();
        assert_eq!(response.status, 404, "{path}: {response}");
        assert!(
            response.header("content-type").starts_with("text/html"),
            "{path}: {response}"
        );
        nonce(&response);
    }
}

#[test]
fn for_administrators_are_the_same_for_everyone() {
    let server = Server::start();
    let ada = server.administrator("ada@example.org");
    let id = server.id_of("ada@example.org");
    for path in ["/admin", &format!("/admin/users/{id}")] {
        let html = |response: Response| {
            assert_eq!(response.status, 200, "{path}: {response}");
            response.text().replace(&nonce(&response), "")
        };
        let anonymous = html(server.get(path).send());
        assert!(!anonymous.contains("example.org"), "{anonymous}");
        assert_eq!(html(server.get(path).token(&ada.token).send()), anonymous);
    }
}

#[test]
fn run_only_the_scripts_of_this_response() {
    let server = Server::start();
    for path in PAGES {
        let response = server.get(path).send();
        let policy = policy(&response);
        for directive in ["script-src", "default-src"] {
            for source in &policy[directive] {
                assert!(
                    ![
                        "'unsafe-inline'",
                        "'unsafe-eval'",
                        "*",
                        "http:",
                        "https:",
                        "data:"
                    ]
                    .contains(&source.as_str()),
                    "{path}: {directive} {source}"
                );
            }
        }
        assert_eq!(policy["frame-ancestors"], ["'none'"], "{path}");
        assert_eq!(policy["base-uri"], ["'none'"], "{path}");

        let nonce = format!("nonce=\"{}\"", nonce(&response));
        let scripts = tags(response.text(), "script");
        assert!(!scripts.is_empty(), "{path}: {response}");
        for script in scripts {
            assert!(script.contains(&nonce), "{path}: {script}");
        }
        for attribute in [" onclick=", " onload=", " onerror=", "javascript:"] {
            assert!(!response.text().contains(attribute), "{path}: {attribute}");
        }
    }
}

#[test]
fn have_an_unpredictable_nonce() {
    let server = Server::start();
    let mut nonces: Vec<_> = (0..8)
        .map(|_| nonce(&server.get("/login").send()))
        .collect();
    // 128 bits, as the CSP specification asks for, are 22 Base64 characters.
    assert!(nonces.iter().all(|nonce| nonce.len() >= 22), "{nonces:?}");
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 8, "{nonces:?}");
    // A cached page would have an old nonce.
    let cached = server.get("/login").send();
    let cache = cached.header("cache-control");
    assert!(
        cache.contains("no-store") || cache.contains("no-cache"),
        "{cached}"
    );
}

#[test]
fn and_other_responses_have_security_headers() {
    let server = Server::start();
    let script = format!("/pkg/{SITE_FILE}.js");
    for path in [
        "/",
        "/login",
        "/no-such-page",
        "/api/user/view",
        "/api/no-such-path",
        "/healthz",
        &script,
    ] {
        let response = server.get(path).send();
        assert_eq!(
            response.header("x-content-type-options"),
            "nosniff",
            "{path}"
        );
        assert_ne!(response.header("referrer-policy"), "", "{path}: {response}");
        assert_ne!(response.header("content-security-policy"), "", "{path}");
        assert_eq!(response.header("strict-transport-security"), "", "{path}");
        assert_eq!(response.header("server"), "", "{path}");
        assert_eq!(response.header("x-powered-by"), "", "{path}");
    }
}

#[test]
fn require_https_with_an_https_public_url() {
    let server = Server::start_with(&[("LATCHKEY_PUBLIC_URL", "https://accounts.example")]);
    for path in ["/", "/api/user/view", "/no-such-page"] {
        let response = server.get(path).send();
        let seconds: u64 = response
            .header("strict-transport-security")
            .split(';')
            .find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok())
            .expect("a Strict-Transport-Security header");
        assert!(seconds >= 365 * 24 * 60 * 60, "{path}: {seconds}");
    }
}

#[test]
fn load_files_that_are_cacheable_forever() {
    let server = Server::start();
    for (extension, content_type) in [
        ("js", "text/javascript"),
        ("wasm", "application/wasm"),
        ("css", "text/css"),
    ] {
        let name = format!("{SITE_FILE}.{extension}");
        let response = server.get(&format!("/pkg/{name}")).send();
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(response.text(), format!("/* the content of {name} */"));
        assert_eq!(response.header("content-encoding"), "", "{response}");
        assert!(
            response.header("content-type").starts_with(content_type),
            "{response}"
        );
        let cache = response.header("cache-control");
        for word in ["public", "max-age=31536000", "immutable"] {
            assert!(cache.contains(word), "{response}");
        }
    }
}

#[test]
fn load_precompressed_files() {
    let server = Server::start();
    for extension in ["js", "wasm", "css"] {
        let name = format!("{SITE_FILE}.{extension}");
        for (accepted, encoding, suffix) in [
            ("br", "br", ".br"),
            ("gzip", "gzip", ".gz"),
            ("gzip, deflate, br, zstd", "br", ".br"),
            ("br;q=0, gzip", "gzip", ".gz"),
            ("deflate", "", ""),
        ] {
            let response = server
                .get(&format!("/pkg/{name}"))
                .header("accept-encoding", accepted)
                .send();
            assert_eq!(response.status, 200, "{response}");
            assert_eq!(
                response.header("content-encoding"),
                encoding,
                "{accepted}: {response}"
            );
            assert_eq!(
                response.text(),
                format!("/* the content of {name}{suffix} */"),
                "{accepted}"
            );
            let varies = response.headers.get_all("vary").iter().any(|value| {
                let value = value.to_str().unwrap_or_default();
                value.to_ascii_lowercase().contains("accept-encoding")
            });
            assert!(varies, "{accepted}: {response}");
        }
    }
}

#[test]
fn have_the_links_in_the_footer_that_are_set() {
    let server = Server::start();
    assert!(!server.get("/login").send().text().contains("Privacy</a>"));
    let help = "https://help.example/?topic=<accounts>&page=\"1\"";
    let server = Server::start_with(&[
        ("LATCHKEY_HELP_URL", help),
        ("LATCHKEY_PRIVACY_URL", "https://accounts.example/privacy"),
    ]);
    for path in ["/login", "/no-such-page"] {
        let response = server.get(path).send();
        let links = tags(response.text(), "a href=\"https:");
        assert_eq!(
            links,
            [
                "<a href=\"https://help.example/?topic=%3Caccounts%3E&amp;page=%221%22\">",
                "<a href=\"https://accounts.example/privacy\">",
            ],
            "{path}: {response}"
        );
    }
}

#[test]
fn load_the_other_files_of_the_site() {
    let server = Server::start();
    let response = server.get("/robots.txt").send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.text(), "User-agent: *\n");
    assert!(
        !response.header("cache-control").contains("immutable"),
        "{response}"
    );
}

#[test]
fn serve_no_file_from_outside_the_site() {
    let server = Server::start();
    let secret = std::fs::read_to_string(server.env().data_dir().join("secret.key")).unwrap();
    for path in [
        "/../data/secret.key",
        "/pkg/../../data/secret.key",
        "/pkg/..%2f..%2fdata%2fsecret.key",
        "/pkg/%2e%2e/%2e%2e/data/secret.key",
        "/%2e%2e/data/secret.key",
        "/..%5cdata%5csecret.key",
        "/data/secret.key",
        "//data/secret.key",
        "/pkg/",
        "/pkg",
        "/pkg/no-such-file.js",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let response = server.raw_connection().send(request).read_to_end();
        assert!(response.starts_with("HTTP/1.1 4"), "{path}: {response}");
        assert!(!response.contains(secret.trim()), "{path}");
        assert!(
            !response.to_lowercase().contains("immutable"),
            "{path}: {response}"
        );
    }
}

#[test]
fn are_listed_by_search_engines_only_if_they_are_the_same_for_everyone() {
    let server = Server::start();
    for path in ["/", "/login", "/register"] {
        let response = server.get(path).send();
        let html = response.text();
        assert!(!html.contains("noindex"), "{path}: {html}");
        assert!(html.contains(r#"<meta name="description""#), "{path}");
    }
    for path in ["/account", "/activate", "/reset", "/two-factor", "/nowhere"] {
        let response = server.get(path).send();
        let robots = r#"<meta name="robots" content="noindex">"#;
        assert!(response.text().contains(robots), "{path}: {response}");
    }
}

/// The home page gives way to the page that the operator has named.
#[test]
fn the_home_page_can_redirect() {
    for (setting, location) in [
        (
            "https://app.example.com/start?a=b#c",
            "https://app.example.com/start?a=b#c",
        ),
        ("https://app.example.com", "https://app.example.com/"),
        ("/login", "/login"),
        ("/log in\u{e4}", "/log%20in%C3%A4"),
    ] {
        let server = Server::start_with(&[("LATCHKEY_HOME_URL", setting)]);
        let response = server.get("/").send();
        let found = (response.status, response.header("location"));
        assert_eq!(found, (302, location), "{response}");
        assert_eq!(response.header("cache-control"), "private, no-cache");
        // The app does the same when it opens the page without loading it.
        let login = server.get("/login").send();
        assert!(
            login.text().contains(&format!("data-home=\"{location}\"")),
            "{login}"
        );
    }
}

#[test]
fn the_home_page_does_not_redirect_to_itself() {
    let env = TestEnv::new();
    let home = [
        ("LATCHKEY_PUBLIC_URL", "https://accounts.example"),
        ("LATCHKEY_HOME_URL", "https://accounts.example/?a=b"),
    ];
    let output = env.run_command(env.command(&home), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_HOME_URL"), "{line}");
}

#[test]
fn the_documents_are_served_as_text() {
    let server = Server::start();
    let home = server.get("/").send();
    for name in ["api", "settings", "operations", "security"] {
        let path = format!("/docs/{name}.md");
        assert!(home.text().contains(&format!("href=\"{path}\"")), "{home}");
        let response = server.get(&path).send();
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), "text/plain; charset=utf-8");
        assert!(response.text().starts_with("# "), "{response}");
    }
    let unknown = server.get("/docs/nowhere.md").send();
    assert_eq!(unknown.status, 404, "{unknown}");
}
