//! Access tokens that are signed with a key of the server: time, rotation, and what ends them.

use accounts::{Accounts, Error, TokenAlgorithm, TokenPair};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{
    EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why,
};

const ALGORITHMS: [TokenAlgorithm; 2] = [TokenAlgorithm::EdDsa, TokenAlgorithm::Es256];

async fn sign_in(server: &Accounts) -> TokenPair {
    let device = laptop();
    let signed_in = server.login(EMAIL.into(), PASSWORD.into(), &device);
    signed_in.await.unwrap().tokens
}

async fn check(server: &Accounts, token: &str) -> Result<(), &'static str> {
    let caller = server.authorize(token, &on_laptop()).await;
    caller.map(drop).map_err(why)
}

#[tokio::test]
async fn a_token_is_valid_from_a_minute_before_its_issue_until_it_expires() {
    for algorithm in ALGORITHMS {
        let env = TestEnv::with_user().await;
        let server = env.server_with_algorithm(OLD_SECRET, algorithm);
        let token = sign_in(&server).await.access_token;
        env.clock.set_back(MINUTE);
        assert_eq!(check(&server, &token).await, Ok(()));
        env.clock.set_back(SECOND);
        assert_eq!(check(&server, &token).await, Err("expired"));
        env.clock.set_ahead(16 * MINUTE);
        assert_eq!(check(&server, &token).await, Ok(()));
        env.clock.advance(SECOND);
        // It was accepted a moment ago, and its signature is remembered.
        assert_eq!(check(&server, &token).await, Err("expired"));
        // A server that sees it for the first time.
        let other = env.server_with_algorithm(OLD_SECRET, algorithm);
        assert_eq!(check(&other, &token).await, Err("expired"));
    }
}

#[tokio::test]
async fn each_master_secret_verifies_its_own_tokens() {
    for algorithm in ALGORITHMS {
        let env = TestEnv::with_user().await;
        let both = format!("{NEW_SECRET},{OLD_SECRET}");
        let [old, both, new] = [OLD_SECRET, &both, NEW_SECRET]
            .map(|secrets| env.server_with_algorithm(secrets, algorithm));
        let by_old = sign_in(&old).await.access_token;
        let by_both = sign_in(&both).await.access_token;
        for (server, token, expected) in [
            (&old, &by_old, Ok(())),
            (&both, &by_old, Ok(())),
            (&new, &by_old, Err("invalid")),
            (&old, &by_both, Err("invalid")),
            (&both, &by_both, Ok(())),
            (&new, &by_both, Ok(())),
        ] {
            assert_eq!(check(server, token).await, expected);
        }
    }
}

/// A server remembers that the signature is valid, but nothing that can change.
#[tokio::test]
async fn what_ends_a_session_or_a_user_ends_remembered_tokens() {
    for (change, expected) in [
        ("DELETE FROM sessions", "invalid"),
        (
            "UPDATE users SET jwt_secret = 'fbb4cc9c-1d5f-4a9d-8f1c-7a1d54f9a3b2'",
            "invalid",
        ),
        ("UPDATE users SET is_active = FALSE", "invalid"),
        ("UPDATE users SET otp_enabled = TRUE", "otp"),
        ("DELETE FROM users", "invalid"),
    ] {
        let env = TestEnv::with_user().await;
        let server = env.server_with_algorithm(OLD_SECRET, TokenAlgorithm::EdDsa);
        let pair = sign_in(&server).await;
        for _ in 0..2 {
            assert_eq!(check(&server, &pair.access_token).await, Ok(()));
        }
        env.execute(change).await;
        let seen = check(&server, &pair.access_token).await;
        assert_eq!(seen, Err(expected), "{change}");
        let introspected = server.introspect(Some(&*pair.access_token)).await;
        assert!(introspected.unwrap().is_none(), "{change}");
    }
}

#[tokio::test]
async fn every_token_of_a_session_can_revoke_it() {
    for algorithm in [TokenAlgorithm::Hs256, TokenAlgorithm::EdDsa] {
        let env = TestEnv::with_user().await;
        let server = env.server_with_algorithm(OLD_SECRET, algorithm);
        let other = sign_in(&server).await;
        for number in 0..2 {
            let pair = sign_in(&server).await;
            env.clock.advance(HOUR);
            let token = [&pair.access_token, &pair.refresh_token][number];
            for _ in 0..2 {
                server
                    .revoke_token(Some(&**token), &laptop())
                    .await
                    .unwrap();
            }
            let refreshed = server.refresh(Some(&*pair.refresh_token), &laptop()).await;
            assert!(matches!(refreshed, Err(Error::TokenInvalid)));
        }
        assert_eq!(env.rows("sessions").await, 1);
        let refreshed = server.refresh(Some(&*other.refresh_token), &laptop()).await;
        assert!(refreshed.is_ok());
    }
}

/// Replaces one character of a valid token.
#[test]
fn a_token_with_a_changed_character_is_rejected() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let env = runtime.block_on(TestEnv::with_user());
    let server = env.server_with_algorithm(OLD_SECRET, TokenAlgorithm::EdDsa);
    let token = runtime.block_on(sign_in(&server)).access_token;
    let letters: Vec<char> =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u{e9}"
            .chars()
            .collect();
    let change = (0..token.len(), proptest::sample::select(letters));
    let mut runner = TestRunner::new(Config {
        cases: 500,
        failure_persistence: None,
        ..Config::default()
    });
    runner
        .run(&change, |(place, letter)| {
            let mut changed: Vec<char> = token.chars().collect();
            prop_assume!(changed[place] != letter);
            changed[place] = letter;
            let changed: String = changed.into_iter().collect();
            let seen = runtime.block_on(check(&server, &changed));
            prop_assert_eq!(seen, Err("invalid"), "{}", changed);
            Ok(())
        })
        .unwrap();
    assert_eq!(runtime.block_on(check(&server, &token)), Ok(()));
}

/// The signature is verified before the user is looked up.
#[tokio::test]
async fn a_forged_token_costs_no_query() {
    let env = TestEnv::with_user().await;
    let server = env.server_with_algorithm(OLD_SECRET, TokenAlgorithm::EdDsa);
    let registry = prometheus::Registry::new();
    server.register_metrics(&registry).unwrap();
    let count = |name: &str| {
        let families = registry.gather();
        let family = families.iter().find(|family| family.name() == name);
        family.unwrap().get_metric()[0].get_counter().get_value()
    };
    let token = sign_in(&server).await.access_token;
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    for number in 0..10_u64 {
        let mut forged = claims.clone();
        forged["sub"] = json!(Uuid::from_u64_pair(number, 1));
        let forged = BASE64_URL_SAFE_NO_PAD.encode(forged.to_string());
        let forged = format!("{head}.{forged}.{signature}");
        assert_eq!(check(&server, &forged).await, Err("invalid"));
    }
    assert_eq!(count("latchkey_forged_tokens_total"), 10.0);
    assert_eq!(count("latchkey_cache_lookups_total"), 0.0);
    assert_eq!(check(&server, &token).await, Ok(()));
    assert_eq!(count("latchkey_cache_misses_total"), 1.0);
}
