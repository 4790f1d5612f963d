//! Tokens and sessions over time, and under races.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use accounts::Error;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use stage::{
    DAY, EMAIL, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why,
};

#[tokio::test]
async fn an_access_token_lives_for_15_minutes() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;
    assert_eq!(pair.expires_in, 900);

    stage.clock.advance(15 * MINUTE - SECOND);
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    assert_eq!(&*caller.user().email, EMAIL);

    stage.clock.advance(SECOND);
    assert_eq!(
        stage.authorize(&pair.access_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn a_session_ends_after_30_days_without_use() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;

    stage.clock.advance(30 * DAY - SECOND);
    let pair = stage.refresh(&pair.refresh_token).await.unwrap();

    stage.clock.advance(30 * DAY);
    assert_eq!(
        stage.refresh(&pair.refresh_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn a_session_ends_after_90_days_of_use() {
    let stage = TestEnv::with_user().await;
    let mut pair = stage.sign_in().await;
    for _ in 0..4 {
        stage.clock.advance(22 * DAY);
        pair = stage.refresh(&pair.refresh_token).await.unwrap();
    }
    stage.clock.advance(2 * DAY - MINUTE);
    let last = stage.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(last.expires_in, 60, "no token outlives its session");

    stage.clock.advance(MINUTE);
    assert_eq!(
        stage.authorize(&last.access_token).await.err(),
        Some("expired")
    );
    assert_eq!(
        stage.refresh(&last.refresh_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn sessions_that_ran_out_are_not_listed() {
    let stage = TestEnv::with_user().await;
    stage.sign_in().await;
    stage.clock.advance(31 * DAY);
    let pair = stage.sign_in().await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    assert_eq!(stage.accounts.sessions(&caller).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_used_refresh_token_gets_a_working_pair_for_30_seconds() {
    let stage = TestEnv::with_user().await;
    let first = stage.sign_in().await;
    let second = stage.refresh(&first.refresh_token).await.unwrap();
    stage.clock.advance(10 * SECOND);
    let third = stage.refresh(&second.refresh_token).await.unwrap();

    // The first was used 30 seconds ago, the second 20.
    stage.clock.advance(20 * SECOND);
    for used in [&first, &second] {
        let again = stage.refresh(&used.refresh_token).await.unwrap();
        stage.authorize(&again.access_token).await.unwrap();
    }
    // Whoever got a pair in the grace time can go on with it, and so can the others.
    let again = stage.refresh(&second.refresh_token).await.unwrap();
    let next = stage.refresh(&again.refresh_token).await.unwrap();
    stage.authorize(&next.access_token).await.unwrap();
    stage.refresh(&third.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let stage = TestEnv::with_user().await;
    let elsewhere = stage.sign_in().await;
    let stolen = stage.sign_in().await;
    let renewed = stage.refresh(&stolen.refresh_token).await.unwrap();

    stage.clock.advance(31 * SECOND);
    assert_eq!(
        stage.refresh(&stolen.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.refresh(&renewed.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.authorize(&renewed.access_token).await.err(),
        Some("invalid")
    );
    // Only that session ends.
    stage.authorize(&elsewhere.access_token).await.unwrap();
    assert_eq!(stage.rows("sessions").await, 1);
}

#[tokio::test]
async fn many_refreshes_at_once_sign_nobody_out() {
    let stage = TestEnv::with_user().await;
    let mut token = stage.sign_in().await.refresh_token;
    for _ in 0..10 {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (accounts, token) = (stage.accounts.clone(), token.clone());
                tokio::spawn(async move { accounts.refresh((&*token).into(), &laptop()).await })
            })
            .collect();
        for task in tasks {
            let pair = task.await.unwrap().unwrap();
            stage.authorize(&pair.access_token).await.unwrap();
            token = pair.refresh_token;
        }
    }
    assert_eq!(stage.rows("sessions").await, 1);
}

#[tokio::test]
async fn signing_out_during_refreshes_leaves_no_token_that_works() {
    for _ in 0..10 {
        let stage = TestEnv::with_user().await;
        let pair = stage.sign_in().await;
        let caller = stage.authorize(&pair.access_token).await.unwrap();
        let refreshes: Vec<_> = (0..4)
            .map(|_| {
                let (accounts, token) = (stage.accounts.clone(), pair.refresh_token.clone());
                tokio::spawn(async move { accounts.refresh((&*token).into(), &laptop()).await })
            })
            .collect();
        stage.accounts.logout_all(&caller).await.unwrap();
        for refresh in refreshes {
            if let Ok(pair) = refresh.await.unwrap() {
                assert_eq!(
                    stage.authorize(&pair.access_token).await.err(),
                    Some("invalid")
                );
                assert_eq!(
                    stage.refresh(&pair.refresh_token).await.err(),
                    Some("invalid")
                );
            }
        }
    }
}

#[tokio::test]
async fn signing_out_ends_one_session_and_everywhere_ends_all() {
    let stage = TestEnv::with_user().await;
    let (one, two, three) = (
        stage.sign_in().await,
        stage.sign_in().await,
        stage.sign_in().await,
    );

    let caller = stage.authorize(&one.access_token).await.unwrap();
    stage.accounts.logout(&caller).await.unwrap();
    assert_eq!(
        stage.authorize(&one.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.refresh(&one.refresh_token).await.err(),
        Some("invalid")
    );

    let caller = stage.authorize(&two.access_token).await.unwrap();
    stage.accounts.logout_all(&caller).await.unwrap();
    for pair in [&two, &three] {
        assert_eq!(
            stage.authorize(&pair.access_token).await.err(),
            Some("invalid")
        );
        assert_eq!(
            stage.refresh(&pair.refresh_token).await.err(),
            Some("invalid")
        );
    }
    let again = stage.sign_in().await;
    stage.authorize(&again.access_token).await.unwrap();
}

#[tokio::test]
async fn a_token_of_one_type_is_no_token_of_the_other() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;
    assert_eq!(
        stage.authorize(&pair.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.refresh(&pair.access_token).await.err(),
        Some("invalid")
    );
    stage.refresh(&pair.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_new_master_secret_signs_and_the_old_one_verifies_until_it_is_dropped() {
    let stage = TestEnv::with_user().await;
    let old = stage.sign_in().await;
    let rotating = stage.server(&format!("{NEW_SECRET},{OLD_SECRET}"), "m=64,t=1,p=1");
    let rotated = stage.server(NEW_SECRET, "m=64,t=1,p=1");

    rotating
        .authorize(&old.access_token, &on_laptop())
        .await
        .unwrap();
    let new = rotating
        .refresh((&*old.refresh_token).into(), &laptop())
        .await
        .unwrap();
    rotated
        .authorize(&new.access_token, &on_laptop())
        .await
        .unwrap();

    let refused = rotated.authorize(&old.access_token, &on_laptop()).await;
    assert!(matches!(refused, Err(Error::TokenInvalid)), "{refused:?}");
    assert_eq!(
        stage.authorize(&new.access_token).await.err(),
        Some("invalid")
    );
}

#[tokio::test]
async fn a_raised_hashing_cost_takes_effect_at_the_next_sign_in() {
    let stage = TestEnv::with_user().await;
    let dearer = stage.server(OLD_SECRET, "m=128,t=2,p=1");
    // Many at once: one renews the hash, and the others are let in all the same.
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let accounts = dearer.clone();
            tokio::spawn(async move {
                accounts
                    .login(EMAIL.into(), PASSWORD.into(), &laptop())
                    .await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(
        stage
            .password_hash()
            .await
            .starts_with("$argon2id$v=19$m=128,t=2,p=1$")
    );
    let wrong = dearer.login(EMAIL.into(), "wrong".into(), &laptop()).await;
    assert_eq!(wrong.err().map(why), Some("wrong credentials"));
}

#[tokio::test]
async fn an_account_that_is_not_active_is_told_so_only_with_the_right_password() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;
    stage.execute("UPDATE users SET is_active = FALSE").await;
    assert_eq!(
        stage.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.refresh(&pair.refresh_token).await.err(),
        Some("invalid")
    );
    let login = async |password: &str| {
        let result = stage
            .accounts
            .login(EMAIL.into(), password.into(), &laptop())
            .await;
        result.err().map(why)
    };
    assert_eq!(login(PASSWORD).await, Some("inactive"));
    assert_eq!(login("wrong").await, Some("wrong credentials"));
}

/// By SQLite's `INSERT OR REPLACE`, as a person may use it at the prompt, with that one's defaults.
#[tokio::test]
async fn a_user_replaced_by_hand_is_seen_at_once() {
    let stage = TestEnv::with_user().await;
    let Some(file) = stage.sqlite_file() else {
        return; // PostgreSQL has no such statement
    };
    let pair = stage.sign_in().await;
    stage.authorize(&pair.access_token).await.unwrap();
    let prompt = SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false);
    let mut prompt = prompt.connect().await.unwrap();
    let replace = "INSERT OR REPLACE INTO users
            (id, email, password_hash, is_active, is_admin, jwt_secret, date_joined)
        SELECT id, email, password_hash, FALSE, is_admin, jwt_secret, date_joined FROM users";
    sqlx::query(replace).execute(&mut prompt).await.unwrap();
    assert_eq!(
        stage.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );

    // An id that is none of ours hides no change of another.
    for by_hand in [
        "UPDATE users SET is_active = TRUE",
        "INSERT INTO users (id, email, password_hash, jwt_secret, date_joined)
         SELECT 'somebody', 'somebody@example.com', password_hash, 'x', date_joined FROM users",
        "UPDATE users SET is_admin = TRUE WHERE id = 'somebody'",
    ] {
        sqlx::query(by_hand).execute(&mut prompt).await.unwrap();
        stage.authorize(&pair.access_token).await.unwrap();
    }
}
