//! Sessions that have not completed the user's second factor.

use std::time::Duration;

use crate::support::{DAY, EMAIL, HOUR, MINUTE, SECOND, TestEnv, on_laptop};
use accounts::{Caller, Clock, Error, TokenPair};
use totp_rs::Totp;

const STEP: Duration = Duration::from_secs(30);

/// A user with a second factor, whose last code is used.
async fn env_with_second_factor() -> (TestEnv, Totp) {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.clock.advance(STEP);
    (env, app)
}

/// The caller whose second factor may be pending.
async fn identify(env: &TestEnv, pair: &TokenPair) -> Caller {
    let (token, device) = (&pair.access_token, on_laptop());
    env.accounts.identify(token, &device).await.unwrap()
}

#[tokio::test]
async fn a_pending_session_lives_for_10_minutes_and_a_completed_one_for_90_days() {
    let (env, app) = env_with_second_factor().await;
    let pending = env.sign_in().await;
    let mut pair = env.refresh(&pending.refresh_token).await.unwrap();
    env.clock.advance(9 * MINUTE);
    pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(pair.expires_in, 60, "refreshing does not extend it");
    let completing = env.sign_in().await;
    env.clock.advance(MINUTE);
    let refused = env.refresh(&pair.refresh_token).await;
    assert_eq!(refused.err(), Some("expired"));
    let refused = env.authorize(&pair.access_token).await;
    assert_eq!(refused.err(), Some("expired"));
    env.clock.advance(8 * MINUTE);
    let caller = identify(&env, &completing).await;
    let code = env.code(&app);
    let passed = env.accounts.pass_totp(&caller, (&*code).into()).await;
    let mut pair = passed.unwrap();
    assert_eq!(pair.expires_in, 900);
    for _ in 0..4 {
        env.clock.advance(22 * DAY);
        pair = env.refresh(&pair.refresh_token).await.unwrap();
    }
    env.clock.advance(2 * DAY - MINUTE);
    let last = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(last.expires_in, 60);
}

/// Signing in with the password alone is no sign-in yet.
#[tokio::test]
async fn a_pending_session_is_no_device_and_no_login() {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.clock.advance(HOUR);
    let events = async |name: &str| {
        let events = env.accounts.audit(EMAIL.into(), 100).await.unwrap();
        let events = events.into_iter().filter(|event| event.event == name);
        events.map(|event| event.count).collect::<Vec<_>>()
    };
    let complete = async |pair: &TokenPair| {
        let caller = identify(&env, pair).await;
        let code = env.code(&app);
        let passed = env.accounts.pass_totp(&caller, (&*code).into()).await;
        let caller = env.authorize(&passed.unwrap().access_token).await;
        caller.unwrap()
    };
    let caller = complete(&env.sign_in().await).await;
    let signed_in_at = env.clock.now();
    let last_login = async || {
        let user = env.accounts.users("", 1).await.unwrap().remove(0);
        user.last_login
    };
    assert_eq!(last_login().await, Some(signed_in_at));
    let devices = async || env.accounts.sessions(&caller).await.unwrap();
    let (listed, signed_in) = (devices().await, events("signed_in").await);
    assert_eq!((listed.len(), signed_in.len()), (2, 2));

    env.clock.advance(STEP);
    let pending = env.sign_in().await;
    env.sign_in().await;
    env.clock.advance(STEP);
    assert_eq!(devices().await.len(), 2);
    assert_eq!(last_login().await, Some(signed_in_at));
    assert_eq!(events("signed_in").await.len(), 2);
    assert_eq!(events("sign_in_pending").await, [3], "they share a row");

    let caller = complete(&pending).await;
    let listed = env.accounts.sessions(&caller).await.unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(listed[0].id, caller.session_id);
    assert_eq!(listed[0].created_at, env.clock.now());
    assert_eq!(last_login().await, Some(env.clock.now()));
    assert_eq!(events("signed_in").await.len(), 3);
}

#[tokio::test]
async fn at_most_8_sessions_are_pending_and_they_end_no_other() {
    let (env, _) = env_with_second_factor().await;
    let pending = env.sign_in().await;
    for _ in 0..10 {
        env.clock.advance(SECOND);
        env.sign_in().await;
    }
    // The session that turned the second factor on is the ninth.
    assert_eq!(env.rows("sessions").await, 9);
    let device = on_laptop();
    let token = &pending.access_token;
    let ended = env.accounts.identify(token, &device).await;
    assert!(matches!(ended, Err(Error::TokenInvalid)));
    env.execute("DELETE FROM sessions WHERE NOT second_factor")
        .await;
    assert_eq!(env.rows("sessions").await, 1);
}

/// The other devices of a user who turns the second factor on.
#[tokio::test]
async fn sessions_from_before_the_second_factor_have_10_minutes() {
    let env = TestEnv::with_user().await;
    let (one, other) = (env.sign_in().await, env.sign_in().await);
    let (app, _) = env.turn_on_second_factor().await;
    env.clock.advance(STEP);
    let caller = identify(&env, &one).await;
    let code = env.code(&app);
    let passed = env.accounts.pass_totp(&caller, (&*code).into()).await;
    env.clock.advance(10 * MINUTE);
    let refused = env.refresh(&other.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    env.clock.advance(DAY);
    env.refresh(&passed.unwrap().refresh_token).await.unwrap();
}
