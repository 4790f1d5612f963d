//! Services that verify tokens by themselves, with `latchkey-verify`, beside the running program.

use std::{
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use latchkey_verify::{Verifier, VerifyError, WithoutLease};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::support::{
    Database, PASSWORD, Server, TestEnv, jwt,
    proxy::{Network, Proxy},
    wait_until,
};

const LEASE: Duration = Duration::from_secs(1);

/// How long anything may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

const EDDSA: (&str, &str) = ("LATCHKEY_TOKEN_ALG", "EdDSA");

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A service that refuses tokens of which it does not know whether they were revoked.
#[track_caller]
fn service(server: &Server) -> Verifier {
    let key = server.service_key("tokens:verify");
    let builder = Verifier::builder(server.url(), key).without_lease(WithoutLease::Refuse);
    let verifier = RUNTIME
        .block_on(builder.connect())
        .expect("a URL and a key");
    wait_until("a lease", LIMIT, || verifier.has_lease());
    verifier
}

#[track_caller]
fn wait_for_revocation(verifier: &Verifier, token: &str) {
    wait_until("it is refused", LIMIT, || {
        verifier.verify(token) == Err(VerifyError::Revoked)
    });
}

#[test]
fn whatever_ends_tokens_reaches_services_on_every_server() {
    for algorithm in ["EdDSA", "ES256"] {
        let here = Server::start_with(&[("LATCHKEY_TOKEN_ALG", algorithm)]);
        let there = TestEnv::new().start(&[
            ("DATABASE_URL", &here.env().database.address()),
            (
                "LATCHKEY_DATA_DIR",
                &here.env().data_dir().display().to_string(),
            ),
            ("LATCHKEY_PUBLIC_URL", &here.url()),
            ("LATCHKEY_TOKEN_ALG", algorithm),
        ]);
        let key = here.service_key("tokens:verify");
        let connect = |server: &Server| {
            let builder = Verifier::builder(server.url(), &key).without_lease(WithoutLease::Refuse);
            RUNTIME
                .block_on(builder.connect())
                .expect("a URL and a key")
        };
        let services = [connect(&here), connect(&there), connect(&there)];
        here.register("ada@example.com");
        let post = |path: &str, token: &str, body| {
            let response = here.post(path).token(token).json(body).send();
            assert_eq!(response.status, 204, "{response}");
        };
        let hand = |sql: &str| {
            here.database().execute(sql);
        };
        type Way<'a> = dyn Fn(&str, &str) + 'a;
        let ways: [&Way<'_>; 6] = [
            &|token, _| post("/api/user/logout", token, json!({})),
            &|token, _| post("/api/user/logout/all", token, json!({})),
            &|token, other| {
                let session = jwt::claims(token)["sid"].clone();
                post("/api/user/sessions/revoke", other, json!({"id": session}));
            },
            &|_, _| hand("DELETE FROM sessions"),
            &|_, _| hand("UPDATE users SET jwt_secret = '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32'"),
            &|token, _| {
                post(
                    "/api/user/delete",
                    token,
                    json!({"current_password": PASSWORD}),
                );
            },
        ];
        for (number, end) in ways.iter().enumerate() {
            let pair = here.sign_in("ada@example.com");
            let other = here.sign_in("ada@example.com");
            for service in &services {
                wait_until("it is accepted", LIMIT, || {
                    service.verify(&pair.token).is_ok()
                });
            }
            end(&pair.token, &other.token);
            for service in &services {
                wait_until(&format!("way {number}"), LIMIT, || {
                    service.verify(&pair.token) == Err(VerifyError::Revoked)
                });
            }
        }
    }
}

/// A token that still lacks the second factor is none that a service could verify.
#[test]
fn tokens_that_lack_the_second_factor_are_refused() {
    let server = Server::start_with(&[EDDSA]);
    let verifier = service(&server);
    let first = server.sign_up("ada@example.com");
    wait_until("it is accepted", LIMIT, || {
        verifier.verify(&first.token).is_ok()
    });
    // The second in which the factor is turned on is another than that of the token.
    thread::sleep(Duration::from_millis(1_100));
    server.enable_totp(&first);
    wait_for_revocation(&verifier, &first.token);
    let pending = server.sign_in("ada@example.com");
    assert_eq!(verifier.verify(&pending.token), Err(VerifyError::Invalid));
}

/// The server hangs, and nobody is told.
#[test]
fn nothing_is_trusted_for_longer_than_the_lease_when_a_server_hangs() {
    let server = Server::start_with(&[EDDSA]);
    let verifier = service(&server);
    let pair = server.sign_up("ada@example.com");
    assert!(verifier.verify(&pair.token).is_ok());
    server.signal("STOP");
    let stopped = Instant::now();
    let mut accepted = Duration::ZERO;
    while stopped.elapsed() < 2 * LEASE {
        let asked = stopped.elapsed();
        if verifier.verify(&pair.token).is_ok() {
            accepted = asked;
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(accepted < LEASE, "{accepted:?}");
    server.signal("CONT");
    wait_until("a lease", LIMIT, || verifier.has_lease());
    assert!(verifier.verify(&pair.token).is_ok());
}

#[test]
fn a_server_that_was_killed_tells_what_has_happened_since() {
    let env = TestEnv::new();
    let server = env.start(&[EDDSA]);
    let verifier = service(&server);
    let pair = server.sign_up("ada@example.com");
    assert!(verifier.verify(&pair.token).is_ok());
    server.signal("KILL");
    env.database.execute("DELETE FROM sessions");
    wait_until("the lease has ended", LIMIT, || !verifier.has_lease());
    let _server = env.start(&[EDDSA]);
    wait_for_revocation(&verifier, &pair.token);
}

#[test]
fn a_server_without_its_database_gives_no_lease() {
    let env = TestEnv::new();
    let Database::Postgres(_) = env.database else {
        return; // a file needs no line
    };
    let proxy = Proxy::new(&env.database);
    let server = env.start(&[EDDSA, ("DATABASE_URL", &proxy.url())]);
    let verifier = service(&server);
    let user = server.register("ada@example.com").id;
    for network in [
        Network::NotificationsLost,
        Network::Disconnected,
        Network::Stalled,
    ] {
        let pair = server.sign_in("ada@example.com");
        wait_until("it is accepted", LIMIT, || {
            verifier.verify(&pair.token).is_ok()
        });
        proxy.set(network);
        let cut = Instant::now();
        env.database
            .execute(&format!("DELETE FROM sessions WHERE user_id = '{user}'"));
        while cut.elapsed() < 2 * LEASE {
            let asked = cut.elapsed();
            // What was on its way when the line was cut may still arrive.
            if verifier.verify(&pair.token).is_ok() {
                assert!(
                    asked < LEASE + Duration::from_millis(100),
                    "{network:?} {asked:?}"
                );
            }
            thread::sleep(Duration::from_millis(5));
        }
        assert!(!verifier.has_lease(), "{network:?}");
        proxy.set(Network::Up);
        wait_for_revocation(&verifier, &pair.token);
        wait_until("a lease", LIMIT, || verifier.has_lease());
    }
}
