//! `/healthz`, `/readyz` and `/metrics`.

use std::time::Duration;

use crate::support::{Database, Server, postgres_administration, wait_until};

#[test]
fn is_alive_and_ready() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let response = server.get(path).send();
        assert_eq!(response.status, 200, "{path}: {response}");
    }
}

#[test]
fn ignores_credentials() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let response = server.get(path).token("garbage").send();
        assert_eq!(response.status, 200, "{path}: {response}");
    }
}

#[test]
fn metrics_are_in_the_prometheus_text_format() {
    let server = Server::start();
    let response = server.get("/metrics").send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4");
    let line = r#"latchkey_http_requests_total{method="GET",route="/readyz",status="200"} "#;
    assert!(response.text().contains(line), "{response}");
}

#[test]
fn rejects_other_methods() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.post(path).send().status, 405, "{path}");
    }
}

/// PostgreSQL becomes unavailable and available again. SQLite is part of the program and can't be
/// unavailable; the closest case is another program that locks the file for a while, which must not
/// make the server look unavailable.
#[test]
fn reports_whether_the_database_is_available() {
    let server = Server::start();
    let pair = server.sign_up("ada@example.com");
    let ready = || server.get("/readyz").send().status;
    let alive = || server.get("/healthz").send().status;
    match server.database() {
        Database::Postgres(url) => {
            let name = url.path().trim_start_matches('/');
            postgres_administration(&format!(
                "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"
            ));
            postgres_administration(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
            ));
            wait_until("not ready", Duration::from_secs(20), || ready() == 503);
            assert_eq!(alive(), 200);
            let response = server.try_sign_in("ada@example.com", crate::support::PASSWORD);
            assert!(response.status >= 500, "{response}");

            postgres_administration(&format!(
                "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true"
            ));
            wait_until("ready again", Duration::from_secs(20), || ready() == 200);
            server.assert_valid(&pair);
        }
        Database::Sqlite(_) => {
            server.database().while_locked(|| {
                assert_eq!((alive(), ready()), (200, 200));
                assert_eq!(server.view(&pair.token).status, 200);
            });
            server.assert_valid(&pair);
        }
    }
}
