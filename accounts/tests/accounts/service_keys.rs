//! Service keys: who may use one, for what, and until when.

use std::time::Duration;

use accounts::{Accounts, Error, Scope};

use crate::support::{DAY, MINUTE, NEW_SECRET, SECOND, TestEnv, why};

const VERIFY: &[Scope] = &[Scope::TokensVerify];

async fn create(env: &TestEnv, scopes: &[Scope], lifetime: Option<Duration>) -> String {
    let created = env
        .accounts
        .create_service_key("a backend".into(), scopes, lifetime);
    created.await.unwrap()
}

async fn use_key(accounts: &Accounts, key: &str, scope: Scope) -> Result<(), &'static str> {
    let used = accounts.authenticate_service_key(key, scope).await;
    used.map(drop).map_err(why)
}

#[tokio::test]
async fn a_key_allows_what_its_scopes_say() {
    let env = TestEnv::new().await;
    let key = create(&env, &[Scope::TokensVerify, Scope::UsersRead], None).await;
    let other = create(&env, &[Scope::AuditRead], None).await;
    for _ in 0..2 {
        let accounts = &env.accounts;
        assert_eq!(use_key(accounts, &key, Scope::TokensVerify).await, Ok(()));
        assert_eq!(use_key(accounts, &key, Scope::UsersRead).await, Ok(()));
        for scope in [Scope::UsersWrite, Scope::AuditRead] {
            assert_eq!(use_key(accounts, &key, scope).await, Err("not allowed"));
        }
        assert_eq!(use_key(accounts, &other, Scope::AuditRead).await, Ok(()));
        // The secret of one key with the id of the other.
        let mixed = format!("{}{}", &key[..36], &other[36..]);
        for invalid in [&*mixed, "", "lk_", &key[..78]] {
            let used = use_key(accounts, invalid, Scope::TokensVerify).await;
            assert_eq!(used, Err("invalid key"), "{invalid}");
        }
    }
}

#[tokio::test]
async fn a_key_survives_a_rotation_of_the_master_secret() {
    let env = TestEnv::new().await;
    let key = create(&env, VERIFY, None).await;
    let later = env.server(NEW_SECRET, "m=64,t=1,p=1");
    assert_eq!(use_key(&later, &key, Scope::TokensVerify).await, Ok(()));
}

#[tokio::test]
async fn a_key_expires() {
    let env = TestEnv::new().await;
    let key = create(&env, VERIFY, Some(DAY)).await;
    env.clock.advance(DAY - SECOND);
    let used = use_key(&env.accounts, &key, Scope::TokensVerify).await;
    assert_eq!(used, Ok(()));
    env.clock.advance(SECOND);
    let used = use_key(&env.accounts, &key, Scope::TokensVerify).await;
    assert_eq!(used, Err("invalid key"));
}

#[tokio::test]
async fn a_revoked_key_is_refused_by_every_server() {
    let env = TestEnv::new().await;
    let key = create(&env, VERIFY, None).await;
    let by_hand = create(&env, VERIFY, None).await;
    let other = env.server_elsewhere().await;
    for server in [&env.accounts, &other] {
        for key in [&key, &by_hand] {
            assert_eq!(use_key(server, key, Scope::TokensVerify).await, Ok(()));
        }
    }
    env.accounts.revoke_service_key(&key[3..35]).await.unwrap();
    for server in [&other, &env.accounts] {
        let used = use_key(server, &key, Scope::TokensVerify).await;
        assert_eq!(used, Err("invalid key"));
        assert_eq!(use_key(server, &by_hand, Scope::TokensVerify).await, Ok(()));
    }
    env.execute("UPDATE service_keys SET scopes = 'users:read'")
        .await;
    let used = use_key(&other, &by_hand, Scope::TokensVerify).await;
    assert_eq!(used, Err("not allowed"));
    env.execute("DELETE FROM service_keys").await;
    let used = use_key(&other, &by_hand, Scope::TokensVerify).await;
    assert_eq!(used, Err("invalid key"));
    for id in [&key[3..35], "nonsense", ""] {
        let revoked = env.accounts.revoke_service_key(id).await;
        assert!(matches!(revoked, Err(Error::NotFound)), "{id}");
    }
}

#[tokio::test]
async fn the_last_use_is_written_seldom() {
    let env = TestEnv::new().await;
    let key = create(&env, VERIFY, None).await;
    let last_use = async || env.accounts.service_keys().await.unwrap()[0].last_used_at;
    // It is written after the response.
    let written = async |expected| {
        for _ in 0..500 {
            if last_use().await == expected {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    };
    assert_eq!(last_use().await, None);
    let first = accounts::Clock::now(&env.clock);
    for _ in 0..3 {
        let used = use_key(&env.accounts, &key, Scope::TokensVerify).await;
        assert_eq!(used, Ok(()));
        assert!(written(Some(first)).await);
        env.clock.advance(3 * MINUTE);
    }
    env.clock.advance(MINUTE);
    let second = accounts::Clock::now(&env.clock);
    let used = use_key(&env.accounts, &key, Scope::TokensVerify).await;
    assert_eq!(used, Ok(()));
    assert!(written(Some(second)).await);
}

#[tokio::test]
async fn a_key_needs_a_name_and_a_scope() {
    let env = TestEnv::new().await;
    let none: &[Scope] = &[];
    for (name, scopes, fields) in [
        (None, VERIFY, vec!["name"]),
        (Some(" \u{200b}"), VERIFY, vec!["name"]),
        (Some("a\u{1b}b"), VERIFY, vec!["name"]),
        (Some("a\tb"), VERIFY, vec!["name"]),
        (Some(&*"x".repeat(101)), VERIFY, vec!["name"]),
        (Some("a backend"), none, vec!["scopes"]),
        (None, none, vec!["name", "scopes"]),
    ] {
        let created = env.accounts.create_service_key(name, scopes, None).await;
        let Err(Error::Fields(errors)) = created else {
            panic!("{name:?} {scopes:?}");
        };
        assert_eq!(errors.into_keys().collect::<Vec<_>>(), fields);
    }
    assert_eq!(env.rows("service_keys").await, 0);
}
