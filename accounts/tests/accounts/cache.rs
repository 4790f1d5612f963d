//! Which changes drop a user from the cache of other servers.

use std::time::Duration;

use crate::support::{EMAIL, PASSWORD, TestEnv, laptop, on_laptop};
use accounts::{Accounts, InvalidationListener};
use prometheus::Registry;

const GRACE: &str = "grace@example.com";

/// A server with a cache, and its metrics.
struct OtherServer {
    accounts: Accounts,
    metrics: Registry,
}

impl OtherServer {
    async fn start(env: &TestEnv) -> Self {
        let accounts = env.server_with_long_lease().await;
        let metrics = Registry::new();
        accounts.register_metrics(&metrics).unwrap();
        tokio::spawn(InvalidationListener::new(accounts.clone()).run());
        Self { accounts, metrics }
    }

    /// Returns whether the user of a token is loaded from the database.
    async fn loads(&self, token: &str) -> bool {
        let before = self.misses();
        self.accounts.identify(token, &on_laptop()).await.unwrap();
        self.misses() > before
    }

    fn misses(&self) -> f64 {
        let families = self.metrics.gather();
        let misses = families
            .iter()
            .find(|family| family.name() == "latchkey_cache_misses_total");
        misses.unwrap().get_metric()[0].get_counter().get_value()
    }

    /// Waits until the user of a token is in the cache.
    async fn fill(&self, token: &str) {
        self.wait(token, false).await;
    }

    /// Waits until the user of a token is dropped from the cache.
    async fn wait_for_drop(&self, token: &str) {
        self.wait(token, true).await;
    }

    async fn wait(&self, token: &str, loads: bool) {
        let waiting = async {
            while self.loads(token).await != loads {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        waited.unwrap();
    }
}

#[tokio::test]
async fn only_changes_of_what_is_cached_drop_a_user() {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.clock.advance(Duration::from_secs(30));
    let pending = env.sign_in().await.access_token;
    let caller = env.accounts.identify(&pending, &on_laptop()).await.unwrap();
    let code = env.code(&app);
    let passed = env.accounts.pass_totp(&caller, code.as_str().into()).await;
    let ada = passed.unwrap().access_token;
    env.clock.advance(Duration::from_secs(30));
    let device = laptop();
    let registered = env
        .accounts
        .register(GRACE.into(), PASSWORD.into(), &device);
    registered.await.unwrap();
    let grace = env.accounts.login(GRACE.into(), PASSWORD.into(), &device);
    let grace = grace.await.unwrap().tokens.access_token;

    let other = OtherServer::start(&env).await;
    other.fill(&ada).await;
    other.fill(&grace).await;

    // A correct one-time code of a device that is signed in, an incorrect one, and a new password hash.
    let caller = env.accounts.identify(&ada, &on_laptop()).await.unwrap();
    let code = env.code(&app);
    let passed = env.accounts.pass_totp(&caller, code.as_str().into()).await;
    passed.unwrap();
    let again = env.accounts.pass_totp(&caller, code.as_str().into()).await;
    assert!(again.is_err());
    env.execute("UPDATE users SET password_hash = 'another', is_active = is_active")
        .await;
    // Notifications arrive in the order of commits: after this one, all before it have arrived.
    env.execute("UPDATE users SET is_admin = TRUE WHERE email = 'grace@example.com'")
        .await;
    other.wait_for_drop(&grace).await;
    assert!(!other.loads(&ada).await);

    for change in [
        "UPDATE users SET email = 'ada@example.org' WHERE email = 'ada@example.com'",
        "UPDATE users SET email_verified = FALSE WHERE email = 'ada@example.org'",
        "UPDATE users SET is_admin = TRUE WHERE email = 'ada@example.org'",
        "UPDATE users SET last_login = NULL WHERE email = 'ada@example.org'",
        "UPDATE users SET otp_enabled = FALSE WHERE email = 'ada@example.org'",
    ] {
        other.fill(&ada).await;
        env.execute(change).await;
        other.wait_for_drop(&ada).await;
    }
    let user = other.accounts.identify(&ada, &on_laptop()).await.unwrap();
    assert_eq!(&*user.user().email, "ada@example.org");
    assert_ne!(&*user.user().email, EMAIL);
}
