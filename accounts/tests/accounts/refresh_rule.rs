//! What a used refresh token gets. `rotation.rs` compares random sequences with a model.

use crate::support::{MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop, token_id};

#[tokio::test]
async fn a_lost_response_is_no_theft() {
    let env = TestEnv::with_user().await;
    let mut token = env.sign_in().await.refresh_token;
    // A laptop that sleeps each time before the response arrives.
    for _ in 0..3 {
        let lost = env.refresh(&token).await.unwrap();
        env.clock.advance(60 * MINUTE);
        let pair = env.refresh(&token).await.unwrap();
        assert_ne!(token_id(&lost.refresh_token), token_id(&pair.refresh_token));
        env.authorize(&pair.access_token).await.unwrap();
        env.clock.advance(60 * MINUTE);
        token = env
            .refresh(&pair.refresh_token)
            .await
            .unwrap()
            .refresh_token;
    }
    assert_eq!(env.rows("sessions").await, 1);
}

#[tokio::test]
async fn the_unused_successor_of_a_token_is_invalid_once_it_was_replaced() {
    let env = TestEnv::with_user().await;
    let token = env.sign_in().await.refresh_token;
    let lost = env.refresh(&token).await.unwrap();
    env.clock.advance(31 * SECOND);
    let pair = env.refresh(&token).await.unwrap();
    let refused = env.refresh(&lost.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    let seen = env.authorize(&pair.access_token).await;
    assert_eq!(seen.err(), Some("invalid"), "the session has ended");
    assert_eq!(env.rows("sessions").await, 0);
}

/// Two tabs wake up at the same moment, long after a response was lost.
#[tokio::test]
async fn concurrent_refreshes_after_a_lost_response_get_the_same_token() {
    let env = TestEnv::with_user().await;
    let mut token = env.sign_in().await.refresh_token;
    for _ in 0..10 {
        env.refresh(&token).await.unwrap();
        env.clock.advance(MINUTE);
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (accounts, token) = (env.accounts.clone(), token.clone());
                let refresh = async move {
                    let pair = accounts.refresh((&*token).into(), &on_laptop()).await;
                    pair.unwrap()
                };
                tokio::spawn(refresh)
            })
            .collect();
        let mut ids = Vec::new();
        for task in tasks {
            let pair = task.await.unwrap();
            env.authorize(&pair.access_token).await.unwrap();
            ids.push(token_id(&pair.refresh_token));
            token = pair.refresh_token;
        }
        ids.dedup();
        assert_eq!(ids.len(), 1);
    }
}

/// Sessions from before the migration have no predecessor of their token.
#[tokio::test]
async fn sessions_of_earlier_versions_continue() {
    let env = TestEnv::with_user().await;
    let retired = env.sign_in().await;
    let current = env.refresh(&retired.refresh_token).await.unwrap();
    env.execute("UPDATE sessions SET previous_refresh_id = NULL")
        .await;
    let again = env.refresh(&retired.refresh_token).await.unwrap();
    env.authorize(&again.access_token).await.unwrap();
    env.clock.advance(MINUTE);
    let next = env.refresh(&current.refresh_token).await.unwrap();
    env.clock.advance(MINUTE);
    env.refresh(&current.refresh_token).await.unwrap();
    let refused = env.refresh(&next.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
}

/// The rows are bounded although no cleanup runs.
#[tokio::test]
async fn retired_tokens_do_not_accumulate() {
    let env = TestEnv::with_user().await;
    let mut token = env.sign_in().await.refresh_token;
    for _ in 0..300 {
        env.clock.advance(10 * SECOND);
        token = env.refresh(&token).await.unwrap().refresh_token;
    }
    assert!(env.rows("retired_refresh_tokens").await < 200);
}

/// The migration finds the predecessor of each session's token, and gives pending sessions 10 minutes.
#[tokio::test]
async fn sessions_are_migrated() {
    const SQLITE: &str = include_str!("../../../migrations/sqlite/0014_refresh_rule.sql");
    const POSTGRES: &str = include_str!("../../../migrations/postgres/0014_refresh_rule.sql");
    let env = TestEnv::with_user().await;
    env.turn_on_second_factor().await;
    env.sign_in().await;
    env.execute("UPDATE sessions SET expires_at = '2999-01-01T00:00:00.000Z'")
        .await;
    let device = laptop();
    let other = env
        .accounts
        .register("grace@example.com".into(), PASSWORD.into(), &device);
    other.await.unwrap();
    let login = env
        .accounts
        .login("grace@example.com".into(), PASSWORD.into(), &device);
    let first = login.await.unwrap().tokens;
    let second = env.refresh(&first.refresh_token).await.unwrap();
    env.clock.advance(SECOND);
    env.refresh(&second.refresh_token).await.unwrap();
    env.execute("UPDATE sessions SET previous_refresh_id = NULL")
        .await;

    let migration = if env.sqlite_file().is_some() {
        SQLITE
    } else {
        POSTGRES
    };
    for statement in migration.split_inclusive(';') {
        if statement.contains("UPDATE sessions") {
            env.execute(statement).await;
        }
    }
    env.clock.advance(MINUTE);
    let pair = env.refresh(&second.refresh_token).await.unwrap();
    env.authorize(&pair.access_token).await.unwrap();
    let refused = env.refresh(&first.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    // The pending session ends soon, and the one that has completed the second factor does not.
    assert_eq!(env.rows("sessions").await, 2);
    env.execute("DELETE FROM sessions WHERE expires_at < '2998-01-01T00:00:00.000Z'")
        .await;
    assert_eq!(env.rows("sessions").await, 1);
}
