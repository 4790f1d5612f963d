//! What services are told about revocations: everything that ends a token, also by hand.

use std::{collections::BTreeSet, time::Duration};

use accounts::{
    Accounts, Database, InvalidationListener, RevocationEntry, RevocationFollower, RevocationNews,
    RevocationReader,
};
use sqlx::Executor;

use crate::support::{EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, TestEnv};

/// How long news may take on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Starts what a server does to learn of revocations.
fn start_tasks(accounts: &Accounts) {
    tokio::spawn(InvalidationListener::new(accounts.clone()).run());
    tokio::spawn(RevocationFollower::new(accounts.clone()).run());
}

/// A service that reads the stream of a server.
struct Service {
    reader: RevocationReader,
    revoked: BTreeSet<String>,
    heartbeat: u64,
}

impl Service {
    async fn connect(server: &Accounts) -> Self {
        let reader = server.read_revocations().await.unwrap();
        let mut service = Self {
            revoked: BTreeSet::new(),
            heartbeat: 0,
            reader,
        };
        let snapshot = service.reader.snapshot.clone();
        service.add(snapshot.value().entries.iter());
        service
    }

    fn add<'a>(&mut self, entries: impl Iterator<Item = &'a RevocationEntry>) {
        self.revoked
            .extend(entries.map(|entry| serde_json::to_string(entry).unwrap()));
    }

    /// Reads until something is true of what is revoked.
    async fn wait_for(&mut self, is_met: impl Fn(&BTreeSet<String>) -> bool) {
        let waiting = async {
            while !is_met(&self.revoked) {
                self.read().await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, waiting).await;
        assert!(waited.is_ok(), "{:?}", self.revoked);
    }

    async fn read(&mut self) {
        let news = self.reader.news.recv().await.unwrap();
        match news.value() {
            RevocationNews::Revoked(entries) => self.add(entries.iter()),
            RevocationNews::Heartbeat(at) => {
                assert!(*at >= self.heartbeat);
                self.heartbeat = *at;
            }
        }
    }

    /// Waits until another entry has come, and returns the new ones.
    async fn next(&mut self) -> Vec<String> {
        let before = self.revoked.clone();
        self.wait_for(|revoked| revoked.len() > before.len()).await;
        self.revoked.difference(&before).cloned().collect()
    }
}

fn sid(token: &str) -> String {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    let claims: serde_json::Value = serde_json::from_slice(&claims.unwrap()).unwrap();
    claims["sid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn whatever_ends_tokens_is_told_by_all_servers() {
    let env = TestEnv::with_user().await;
    let elsewhere = env.server_elsewhere().await;
    start_tasks(&env.accounts);
    start_tasks(&elsewhere);
    let mut here = Service::connect(&env.accounts).await;
    let mut there = Service::connect(&elsewhere).await;
    assert!(here.revoked.is_empty());

    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let sub = caller.user().id;
    env.accounts.logout(&caller).await.unwrap();
    let ended = format!(r#"{{"sub":"{sub}","sid":"{}"}}"#, sid(&pair.access_token));
    assert_eq!(here.next().await, std::slice::from_ref(&ended));
    assert_eq!(there.next().await, [ended]);

    // Signing out everywhere: the generation, and the session.
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    env.accounts.logout_all(&caller).await.unwrap();
    let session = format!(r#"{{"sub":"{sub}","sid":"{}"}}"#, sid(&pair.access_token));
    let generation = format!(r#"{{"sub":"{sub}","gen":""#);
    for service in [&mut here, &mut there] {
        service
            .wait_for(|revoked| {
                let generations = revoked
                    .iter()
                    .filter(|entry| entry.starts_with(&generation));
                revoked.contains(&session) && generations.count() == 1
            })
            .await;
    }

    // By hand.
    let pair = env.sign_in().await;
    for (change, is_told) in [
        ("DELETE FROM sessions", "\"sid\":"),
        ("UPDATE users SET is_active = FALSE", "\"before\":"),
        (
            "UPDATE users SET jwt_secret = '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32'",
            "\"gen\":",
        ),
        ("DELETE FROM users", "\"gen\":"),
    ] {
        env.execute(change).await;
        for service in [&mut here, &mut there] {
            let news = service.next().await;
            assert!(
                news.len() == 1 && news[0].contains(is_told),
                "{change}: {news:?}"
            );
        }
    }
    assert!(
        here.revoked
            .iter()
            .any(|entry| entry.contains(&sid(&pair.access_token)))
    );
    assert_eq!(here.revoked, there.revoked);
    // What changes nothing about tokens is not told; a new reader is told everything.
    let later = Service::connect(&elsewhere).await;
    assert_eq!(later.revoked, here.revoked);
}

#[tokio::test]
async fn changes_that_end_no_token_are_not_told() {
    let env = TestEnv::with_user().await;
    env.sign_in().await;
    env.execute("UPDATE users SET last_login = NULL, password_hash = 'x', email_verified = TRUE")
        .await;
    env.execute("UPDATE users SET is_active = TRUE, jwt_secret = jwt_secret")
        .await;
    // An insertion that finds the address taken.
    let device = crate::support::laptop();
    let taken = env
        .accounts
        .register(EMAIL.into(), "another good one".into(), &device);
    assert!(taken.await.is_err());
    assert_eq!(env.rows("revocations").await, 0);
}

/// Tokens of before are revoked by their time: the session continues with others.
#[tokio::test]
async fn turning_the_second_factor_on_revokes_tokens_that_have_not_completed_it() {
    let env = TestEnv::with_user().await;
    start_tasks(&env.accounts);
    let mut service = Service::connect(&env.accounts).await;
    env.turn_on_second_factor().await;
    service
        .wait_for(|revoked| revoked.iter().any(|entry| entry.contains("\"before\":")))
        .await;
}

/// Tokens may carry the generation of any master secret in use.
#[tokio::test]
async fn a_generation_is_told_for_each_master_secret() {
    let env = TestEnv::with_user().await;
    let rotating = env.server(&format!("{NEW_SECRET},{OLD_SECRET}"), "m=64,t=1,p=1");
    start_tasks(&rotating);
    env.execute("DELETE FROM users").await;
    let mut service = Service::connect(&rotating).await;
    service.wait_for(|revoked| revoked.len() == 2).await;
}

/// With PostgreSQL, a transaction takes its number before it commits.
#[tokio::test]
async fn a_row_that_becomes_visible_after_a_later_one_is_told() {
    let env = TestEnv::with_user().await;
    let Database::Postgres(postgres) = &env.database else {
        return; // one transaction writes after another
    };
    env.sign_in().await;
    let elsewhere = env.server_elsewhere().await;
    start_tasks(&elsewhere);
    let mut service = Service::connect(&elsewhere).await;
    let mut first = postgres.pool().begin().await.unwrap();
    first.execute("DELETE FROM sessions").await.unwrap();
    env.execute("UPDATE users SET jwt_secret = '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32'")
        .await;
    let news = service.next().await;
    assert!(news.len() == 1 && news[0].contains("\"gen\":"), "{news:?}");
    // A reader that comes now has only the second as well, and is told about the first.
    let mut later = Service::connect(&elsewhere).await;
    assert_eq!(later.revoked.len(), 1);
    first.commit().await.unwrap();
    for service in [&mut service, &mut later] {
        let news = service.next().await;
        assert!(news.len() == 1 && news[0].contains("\"sid\":"), "{news:?}");
    }
}

#[tokio::test]
async fn a_revocation_is_kept_as_long_as_a_token_lives() {
    let env = TestEnv::new().await;
    for at in ["11:43:59.999", "11:44:00.001", "12:00:30.000"] {
        env.execute_text(format!(
            "INSERT INTO revocations (user_id, issued_before, at)
             VALUES ('6f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32', 1, '2026-03-01T{at}Z')"
        ))
        .await;
    }
    // It is noon. A token lives for 15 minutes, and clocks may differ by one.
    assert_eq!(env.accounts.clean_up().await.unwrap(), 1);
    env.clock.advance(15 * MINUTE);
    assert_eq!(env.accounts.clean_up().await.unwrap(), 1);
    env.clock.advance(HOUR);
    assert_eq!(env.accounts.clean_up().await.unwrap(), 1);
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let env = TestEnv::new().await;
    start_tasks(&env.accounts);
    let mut service = Service::connect(&env.accounts).await;
    env.accounts.end_revocation_streams();
    let ended = async { while service.reader.news.recv().await.is_ok() {} };
    tokio::time::timeout(LIMIT, ended).await.unwrap();
    assert!(env.accounts.read_revocations().await.is_err());
}
