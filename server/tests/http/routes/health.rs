use std::time::Duration;

use crate::support::{Database, Server, postgres_administration, wait_until};

#[test]
fn says_that_it_lives_and_can_serve() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let response = server.get(path).send();
        assert_eq!(response.status, 200, "{path}: {response}");
    }
}

#[test]
fn needs_no_credentials_and_minds_none() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let response = server.get(path).token("garbage").send();
        assert_eq!(response.status, 200, "{path}: {response}");
    }
}

#[test]
fn figures_are_in_the_text_format_of_prometheus() {
    let server = Server::start();
    let response = server.get("/metrics").send();
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header("content-type"), "text/plain; version=0.0.4");
    let line = r#"latchkey_http_requests_total{method="GET",route="/readyz",status="200"} "#;
    assert!(response.text().contains(line), "{response}");
}

#[test]
fn takes_no_other_method() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.post(path).send().status, 405, "{path}");
    }
}

/// PostgreSQL goes away and comes back. SQLite is part of the program and can't; what comes
/// closest is another program that keeps the file to itself for a while, which must not make the
/// server look dead.
#[test]
fn says_whether_the_database_is_there() {
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
