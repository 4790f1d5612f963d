//! Tokens and sessions over time, and with concurrent requests.

use crate::support::{
    DAY, EMAIL, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, on_laptop,
    token_id, why,
};
use accounts::Error;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};

#[tokio::test]
async fn an_access_token_lives_for_15_minutes() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    assert_eq!(pair.expires_in, 900);

    env.clock.advance(15 * MINUTE - SECOND);
    let caller = env.authorize(&pair.access_token).await.unwrap();
    assert_eq!(&*caller.user().email, EMAIL);

    env.clock.advance(SECOND);
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn a_session_ends_after_30_days_without_use() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;

    env.clock.advance(30 * DAY - SECOND);
    let pair = env.refresh(&pair.refresh_token).await.unwrap();

    env.clock.advance(30 * DAY);
    assert_eq!(
        env.refresh(&pair.refresh_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn a_session_ends_after_90_days_of_use() {
    let env = TestEnv::with_user().await;
    let mut pair = env.sign_in().await;
    for _ in 0..4 {
        env.clock.advance(22 * DAY);
        pair = env.refresh(&pair.refresh_token).await.unwrap();
    }
    env.clock.advance(2 * DAY - MINUTE);
    let last = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(last.expires_in, 60, "no token outlives its session");

    env.clock.advance(MINUTE);
    assert_eq!(
        env.authorize(&last.access_token).await.err(),
        Some("expired")
    );
    assert_eq!(
        env.refresh(&last.refresh_token).await.err(),
        Some("expired")
    );
}

#[tokio::test]
async fn expired_sessions_are_not_listed() {
    let env = TestEnv::with_user().await;
    env.sign_in().await;
    env.clock.advance(31 * DAY);
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    assert_eq!(env.accounts.sessions(&caller).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_used_refresh_token_gets_a_working_pair_for_30_seconds() {
    let env = TestEnv::with_user().await;
    let first = env.sign_in().await;
    let second = env.refresh(&first.refresh_token).await.unwrap();
    env.clock.advance(10 * SECOND);
    let third = env.refresh(&second.refresh_token).await.unwrap();

    // The first was used 30 seconds ago, the second 20.
    env.clock.advance(20 * SECOND);
    for used in [&first, &second] {
        let again = env.refresh(&used.refresh_token).await.unwrap();
        env.authorize(&again.access_token).await.unwrap();
    }
    // Every pair that was issued within the grace time keeps working.
    let again = env.refresh(&second.refresh_token).await.unwrap();
    let next = env.refresh(&again.refresh_token).await.unwrap();
    env.authorize(&next.access_token).await.unwrap();
    env.refresh(&third.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_refresh_token_used_again_later_ends_the_session() {
    let env = TestEnv::with_user().await;
    let elsewhere = env.sign_in().await;
    let stolen = env.sign_in().await;
    let used = env.refresh(&stolen.refresh_token).await.unwrap();
    let renewed = env.refresh(&used.refresh_token).await.unwrap();

    env.clock.advance(31 * SECOND);
    assert_eq!(
        env.refresh(&stolen.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        env.refresh(&renewed.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        env.authorize(&renewed.access_token).await.err(),
        Some("invalid")
    );
    // Only that session ends.
    env.authorize(&elsewhere.access_token).await.unwrap();
    assert_eq!(env.rows("sessions").await, 1);
}

/// One more sign-in ends the session that was not used for the longest time.
#[tokio::test]
async fn a_user_has_at_most_64_sessions() {
    let env = TestEnv::with_user().await;
    let mut pairs = Vec::new();
    for _ in 0..64 {
        pairs.push(env.sign_in().await);
        env.clock.advance(SECOND);
    }
    assert_eq!(env.rows("sessions").await, 64);
    let first = env.refresh(&pairs[0].refresh_token).await.unwrap();
    env.clock.advance(SECOND);
    for (ended, number) in [(1, 65), (2, 66)] {
        let newest = env.sign_in().await;
        env.clock.advance(SECOND);
        assert_eq!(env.rows("sessions").await, 64, "{number}");
        let seen = env.authorize(&pairs[ended].access_token).await;
        assert_eq!(seen.err(), Some("invalid"));
        for kept in [&first, &pairs[ended + 1], &newest] {
            let caller = env.authorize(&kept.access_token).await.unwrap();
            assert_eq!(env.accounts.sessions(&caller).await.unwrap().len(), 64);
        }
    }
    // The new session stays, although the clock was set back before it.
    env.clock.set_back(MINUTE);
    let newest = env.sign_in().await;
    env.authorize(&newest.access_token).await.unwrap();
    assert_eq!(env.rows("sessions").await, 64);
}

#[tokio::test]
async fn concurrent_sign_ins_keep_the_limit() {
    let env = TestEnv::with_user().await;
    for _ in 0..60 {
        env.sign_in().await;
    }
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let accounts = env.accounts.clone();
            tokio::spawn(async move {
                let device = laptop();
                accounts.login(EMAIL.into(), PASSWORD.into(), &device).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(env.rows("sessions").await, 64);
}

/// A pair is signed with the key that its user has in the transaction that gave it.
#[tokio::test]
async fn a_refresh_during_a_change_of_the_password_gets_no_invalid_pair() {
    const OTHER: &str = "another good password";
    let env = TestEnv::with_user().await;
    let mut pair = env.sign_in().await;
    for round in 0..10 {
        let (old, new) = if round % 2 == 0 {
            (PASSWORD, OTHER)
        } else {
            (OTHER, PASSWORD)
        };
        let caller = env.authorize(&pair.access_token).await.unwrap();
        let changing = {
            let accounts = env.accounts.clone();
            let change = async move {
                let changed = accounts.change_password(&caller, old.into(), new.into());
                changed.await.unwrap().tokens
            };
            tokio::spawn(change)
        };
        let refreshing: Vec<_> = (0..4)
            .map(|_| {
                let (accounts, token) = (env.accounts.clone(), pair.refresh_token.clone());
                tokio::spawn(async move {
                    // Until the password is changed.
                    let mut ids = Vec::new();
                    while let Ok(pair) = accounts.refresh((&*token).into(), &laptop()).await {
                        ids.push(token_id(&pair.refresh_token));
                    }
                    ids
                })
            })
            .collect();
        pair = changing.await.unwrap();
        for refreshing in refreshing {
            // A pair with the session's new token would be signed with the old key.
            let ids = refreshing.await.unwrap();
            assert!(!ids.contains(&token_id(&pair.refresh_token)), "{round}");
        }
        pair = env.refresh(&pair.refresh_token).await.unwrap();
        env.authorize(&pair.access_token).await.unwrap();
    }
    assert_eq!(env.rows("sessions").await, 1);
}

#[tokio::test]
async fn concurrent_refreshes_sign_nobody_out() {
    let env = TestEnv::with_user().await;
    let mut token = env.sign_in().await.refresh_token;
    for _ in 0..10 {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (accounts, token) = (env.accounts.clone(), token.clone());
                tokio::spawn(async move { accounts.refresh((&*token).into(), &laptop()).await })
            })
            .collect();
        for task in tasks {
            let pair = task.await.unwrap().unwrap();
            env.authorize(&pair.access_token).await.unwrap();
            token = pair.refresh_token;
        }
    }
    assert_eq!(env.rows("sessions").await, 1);
}

#[tokio::test]
async fn signing_out_during_refreshes_leaves_no_valid_token() {
    for _ in 0..10 {
        let env = TestEnv::with_user().await;
        let pair = env.sign_in().await;
        let caller = env.authorize(&pair.access_token).await.unwrap();
        let refreshes: Vec<_> = (0..4)
            .map(|_| {
                let (accounts, token) = (env.accounts.clone(), pair.refresh_token.clone());
                tokio::spawn(async move { accounts.refresh((&*token).into(), &laptop()).await })
            })
            .collect();
        env.accounts.logout_all(&caller).await.unwrap();
        for refresh in refreshes {
            if let Ok(pair) = refresh.await.unwrap() {
                assert_eq!(
                    env.authorize(&pair.access_token).await.err(),
                    Some("invalid")
                );
                assert_eq!(
                    env.refresh(&pair.refresh_token).await.err(),
                    Some("invalid")
                );
            }
        }
    }
}

#[tokio::test]
async fn signing_out_ends_one_session_and_everywhere_ends_all() {
    let env = TestEnv::with_user().await;
    let (one, two, three) = (
        env.sign_in().await,
        env.sign_in().await,
        env.sign_in().await,
    );

    let caller = env.authorize(&one.access_token).await.unwrap();
    env.accounts.logout(&caller).await.unwrap();
    assert_eq!(
        env.authorize(&one.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(env.refresh(&one.refresh_token).await.err(), Some("invalid"));

    let caller = env.authorize(&two.access_token).await.unwrap();
    env.accounts.logout_all(&caller).await.unwrap();
    for pair in [&two, &three] {
        assert_eq!(
            env.authorize(&pair.access_token).await.err(),
            Some("invalid")
        );
        assert_eq!(
            env.refresh(&pair.refresh_token).await.err(),
            Some("invalid")
        );
    }
    let again = env.sign_in().await;
    env.authorize(&again.access_token).await.unwrap();
}

#[tokio::test]
async fn a_token_of_one_type_is_not_accepted_as_the_other() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    assert_eq!(
        env.authorize(&pair.refresh_token).await.err(),
        Some("invalid")
    );
    assert_eq!(env.refresh(&pair.access_token).await.err(), Some("invalid"));
    env.refresh(&pair.refresh_token).await.unwrap();
}

#[tokio::test]
async fn a_new_master_secret_signs_and_the_old_one_verifies_until_it_is_dropped() {
    let env = TestEnv::with_user().await;
    let old = env.sign_in().await;
    let rotating = env.server(&format!("{NEW_SECRET},{OLD_SECRET}"), "m=64,t=1,p=1");
    let rotated = env.server(NEW_SECRET, "m=64,t=1,p=1");

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
        env.authorize(&new.access_token).await.err(),
        Some("invalid")
    );
}

#[tokio::test]
async fn a_raised_hashing_cost_takes_effect_at_the_next_sign_in() {
    let env = TestEnv::with_user().await;
    let dearer = env.server(OLD_SECRET, "m=128,t=2,p=1");
    // With many concurrent sign-ins, one replaces the hash and the others succeed as well.
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
        env.password_hash()
            .await
            .starts_with("$argon2id$v=19$m=128,t=2,p=1$")
    );
    let wrong = dearer.login(EMAIL.into(), "wrong".into(), &laptop()).await;
    assert_eq!(wrong.err().map(why), Some("wrong credentials"));
}

#[tokio::test]
async fn an_inactive_account_is_revealed_only_with_the_right_password() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    env.execute("UPDATE users SET is_active = FALSE").await;
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        env.refresh(&pair.refresh_token).await.err(),
        Some("invalid")
    );
    let login = async |password: &str| {
        let result = env
            .accounts
            .login(EMAIL.into(), password.into(), &laptop())
            .await;
        result.err().map(why)
    };
    assert_eq!(login(PASSWORD).await, Some("inactive"));
    assert_eq!(login("wrong").await, Some("wrong credentials"));
}

/// With SQLite's `INSERT OR REPLACE`, and the default settings of its command-line shell.
#[tokio::test]
async fn a_user_replaced_by_hand_is_noticed_immediately() {
    let env = TestEnv::with_user().await;
    let Some(file) = env.sqlite_file() else {
        return; // PostgreSQL has no such statement
    };
    let pair = env.sign_in().await;
    env.authorize(&pair.access_token).await.unwrap();
    let prompt = SqliteConnectOptions::new()
        .filename(file)
        .foreign_keys(false);
    let mut prompt = prompt.connect().await.unwrap();
    let replace = "INSERT OR REPLACE INTO users
            (id, email, password_hash, is_active, is_admin, jwt_secret, date_joined)
        SELECT id, email, password_hash, FALSE, is_admin, jwt_secret, date_joined FROM users";
    sqlx::query(replace).execute(&mut prompt).await.unwrap();
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );

    // An invalid id does not hide the changes of other users.
    for by_hand in [
        "UPDATE users SET is_active = TRUE",
        "INSERT INTO users (id, email, password_hash, jwt_secret, date_joined)
         SELECT 'somebody', 'somebody@example.com', password_hash, 'x', date_joined FROM users",
        "UPDATE users SET is_admin = TRUE WHERE id = 'somebody'",
    ] {
        sqlx::query(by_hand).execute(&mut prompt).await.unwrap();
        env.authorize(&pair.access_token).await.unwrap();
    }
}
