//! A flood of made-up tokens costs neither queries nor memory. It has a process of its own, whose
//! memory is measured.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::time::Duration;

use accounts::{Error, InvalidationListener};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use prometheus::Registry;
use serde_json::{Value, json};
use stage::{TestEnv, on_laptop};
use uuid::Uuid;

const TOKENS: u32 = 100_000;

/// How much memory may grow meanwhile, in KiB: what 100,000 users take in memory is ten times this.
const GROWTH: u64 = 4 * 1024;

/// This process's memory in KiB.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse().unwrap()
}

/// A token in its three parts, with other claims.
fn encode(head: &str, claims: &Value, signature: &str) -> String {
    let claims = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    format!("{head}.{claims}.{signature}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_of_them_cost_neither_queries_nor_memory() {
    let stage = TestEnv::with_user().await;
    let registry = Registry::new();
    stage.accounts.register_metrics(&registry).unwrap();
    let figure = async |name: &str| {
        stage.accounts.read_gauges().await;
        let figures = registry.gather();
        let figure = figures.iter().find(|figure| figure.name() == name).unwrap();
        let metric = &figure.get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    };
    let hearing = tokio::spawn(InvalidationListener::new(stage.accounts.clone()).run());
    let token = stage.sign_in().await.access_token;
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let device = on_laptop();
    // Memory is trusted once the server hears of changes, and has been asked.
    while figure("latchkey_cache_trusted").await < 1.0 {
        assert!(stage.authorize(&token).await.is_ok());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let mut before = None;
    for number in 0..TOKENS {
        if number == 1000 {
            // By now everything has been used once.
            before = Some((memory(), figure("latchkey_cache_misses_total").await));
        }
        let mut forged = claims.clone();
        let forged = match number % 4 {
            // Of users that are made up.
            0 | 1 => {
                forged["sub"] = json!(Uuid::from_u64_pair(number.into(), 1));
                encode(head, &forged, signature)
            }
            // Of the user that there is, for another session or for longer.
            2 => {
                forged["sid"] = json!(Uuid::from_u64_pair(number.into(), 2));
                encode(head, &forged, signature)
            }
            _ => {
                forged["exp"] = json!(claims["exp"].as_i64().unwrap() + i64::from(number));
                encode(head, &forged, signature)
            }
        };
        let seen = stage.accounts.authorize(&forged, &device).await;
        assert!(matches!(seen, Err(Error::TokenInvalid)), "{forged}");
    }
    let (memory_before, misses_before) = before.unwrap();
    let misses = figure("latchkey_cache_misses_total").await;
    // Should the machine be so busy that a heartbeat is late, one or the other has to ask.
    assert!(misses - misses_before <= 10.0, "{misses}");
    assert!(figure("latchkey_cached_users").await <= 1.0);
    assert_eq!(
        figure("latchkey_forged_tokens_total").await,
        f64::from(TOKENS / 2)
    );
    let grown = memory().saturating_sub(memory_before);
    assert!(grown < GROWTH, "{grown} KiB");
    assert!(stage.authorize(&token).await.is_ok());
    hearing.abort();
}
