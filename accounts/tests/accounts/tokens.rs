//! Only tokens that were issued are accepted.

use crate::support::{TestEnv, on_laptop};
use accounts::Error;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

fn runner(cases: u32) -> TestRunner {
    TestRunner::new(Config {
        cases,
        failure_persistence: None,
        ..Config::default()
    })
}

/// Replaces one character of a valid token.
#[test]
fn a_token_with_a_changed_character_is_rejected() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let env = runtime.block_on(TestEnv::with_user());
    let token = runtime.block_on(env.sign_in()).access_token;
    let device = on_laptop();
    let letters: Vec<char> =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \u{e9}"
            .chars()
            .collect();
    let change = (0..token.len(), proptest::sample::select(letters));
    runner(2000)
        .run(&change, |(place, letter)| {
            let mut changed: Vec<char> = token.chars().collect();
            prop_assume!(changed[place] != letter);
            changed[place] = letter;
            let changed: String = changed.into_iter().collect();
            let seen = runtime.block_on(env.accounts.authorize(&changed, &device));
            prop_assert!(matches!(seen, Err(Error::TokenInvalid)), "{changed}");
            Ok(())
        })
        .unwrap();
    assert!(runtime.block_on(env.authorize(&token)).is_ok());
}

/// Text that may look like a token, and text that does not.
#[test]
fn random_text_is_rejected() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let env = runtime.block_on(TestEnv::with_user());
    let device = on_laptop();
    let text = prop_oneof![
        ".{0,200}",
        "[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{0,60}",
        "eyJhbGciOiJIUzI1NiJ9\\.[A-Za-z0-9_-]{0,200}\\.[A-Za-z0-9_-]{43}",
    ];
    runner(2000)
        .run(&text, |text| {
            let seen = runtime.block_on(env.accounts.authorize(&text, &device));
            prop_assert!(matches!(seen, Err(Error::TokenInvalid)), "{text}");
            prop_assert!(runtime.block_on(env.refuses_refresh(&text)), "{text}");
            Ok(())
        })
        .unwrap();
}
