//! `/healthz`, `/readyz` and `/metrics`.

use std::{
    net::{TcpListener, TcpStream},
    time::Duration,
};

use crate::support::{
    Database, Server, TestEnv, postgres_administration, raw_connection::RawConnection, wait_until,
};

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
    let response = server.metrics();
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4");
    let line = r#"latchkey_http_requests_total{method="GET",route="/readyz",status="200"} "#;
    assert!(response.text().contains(line), "{response}");
}

/// Neither metrics on the public address, nor anything else on the other one.
#[test]
fn metrics_have_an_address_of_their_own() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    for path in ["/metrics", "/metrics/"] {
        let response = server.get(path).send();
        assert_eq!(response.status, 404, "{response}");
        assert!(!response.text().contains("latchkey_http_requests_total"));
    }
    for path in ["/", "/healthz", "/api/user/view", "/metrics/"] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let status = RawConnection::open(env.metrics_address)
            .send(request)
            .status();
        assert_eq!(status, Some(404), "{path}");
    }
    drop(server);
    // By default there is none.
    let server = env.start(&[("LATCHKEY_METRICS_LISTEN", "")]);
    assert!(TcpStream::connect(env.metrics_address).is_err());
    assert_eq!(server.get("/metrics").send().status, 404);
    drop(server);
    let _busy = TcpListener::bind(env.metrics_address).unwrap();
    let output = env.run_command(env.command(&[("LATCHKEY_LOG", "off")]), "");
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_METRICS_LISTEN"), "{line}");
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
