//! A flood of forged tokens costs neither queries nor memory. The test has its own process, because it
//! measures memory.

#![allow(clippy::unwrap_used)] // a test that panics has failed

#[allow(dead_code)] // this binary uses a part of it
#[path = "accounts/support/mod.rs"]
mod support;

use std::time::Duration;

use accounts::{Error, InvalidationListener};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use prometheus::Registry;
use serde_json::{Value, json};
use support::{TestEnv, on_laptop};
use uuid::Uuid;

const TOKENS: u32 = 100_000;

/// How much memory may grow, in KiB: a tenth of what 100,000 cached users need.
const GROWTH: u64 = 4 * 1024;

/// This process's memory in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse().unwrap()
}

/// Encodes a token with other claims.
fn encode(head: &str, claims: &Value, signature: &str) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{head}.{claims}.{signature}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_forged_tokens_cost_neither_queries_nor_memory() {
    let env = TestEnv::with_user().await;
    let registry = Registry::new();
    env.accounts.register_metrics(&registry).unwrap();
    let metric_of = async |name: &str| {
        env.accounts.read_gauges().await;
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == name)
            .unwrap();
        let metric = &family.get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    let listener = tokio::spawn(InvalidationListener::new(env.accounts.clone()).run());
    let token = env.sign_in().await.access_token;
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let device = on_laptop();
    // The cache is used once the server listens for changes and has served a request.
    while metric_of("latchkey_cache_up_to_date").await < 1.0 {
        assert!(env.authorize(&token).await.is_ok());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let mut before = None;
    for number in 0..TOKENS {
        if number == 1000 {
            // By now everything has been allocated.
            before = Some((memory(), metric_of("latchkey_cache_misses_total").await));
        }
        let mut forged = claims.clone();
        let forged = match number % 4 {
            // For users who do not exist.
            0 | 1 => {
                forged["sub"] = json!(Uuid::from_u64_pair(number.into(), 1));
                encode(head, &forged, signature)
            }
            // For the existing user, with another session or expiry.
            2 => {
                forged["sid"] = json!(Uuid::from_u64_pair(number.into(), 2));
                encode(head, &forged, signature)
            }
            _ => {
                forged["exp"] = json!(claims["exp"].as_i64().unwrap() + i64::from(number));
                encode(head, &forged, signature)
            }
        };
        let seen = env.accounts.authorize(&forged, &device).await;
        assert!(matches!(seen, Err(Error::TokenInvalid)), "{forged}");
    }
    let (memory_before, misses_before) = before.unwrap();
    let misses = metric_of("latchkey_cache_misses_total").await;
    // A few misses are allowed: on a busy machine a heartbeat may be late.
    assert!(misses - misses_before <= 10.0, "{misses}");
    assert!(metric_of("latchkey_cached_users").await <= 1.0);
    assert_eq!(
        metric_of("latchkey_forged_tokens_total").await,
        f64::from(TOKENS / 2)
    );
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < GROWTH, "{grown} KiB");
    assert!(env.authorize(&token).await.is_ok());
    listener.abort();
}
