//! The link in the email about a new device, which ends its session.

use accounts::{Device, Error, LinkPurpose, TokenPair};

use crate::support::{DAY, EMAIL, PASSWORD, SECOND, TestEnv, laptop, why};

const OTHER: &str = "another good password";

/// A user who has just signed in on a new device. Returns its session, and the token of the link.
async fn env_with_new_device() -> (TestEnv, TokenPair, String) {
    let env = TestEnv::with_verified_user().await;
    env.sign_in().await;
    env.emails().await;
    let phone = Device::new([192, 0, 2, 7].into(), "Phone");
    let signed_in = env.accounts.login(EMAIL.into(), PASSWORD.into(), &phone);
    let pair = signed_in.await.unwrap().tokens;
    let token = env.token_to(EMAIL).await;
    (env, pair, token)
}

async fn reject(env: &TestEnv, token: &str) -> Option<&'static str> {
    let device = laptop();
    let rejected = env.accounts.reject_session(Some(token), &device);
    rejected.await.err().map(why)
}

#[tokio::test]
async fn the_link_ends_the_session_of_the_new_device() {
    let (env, pair, token) = env_with_new_device().await;
    let mine = env.sign_in().await;
    let link = async || env.accounts.link(Some(&token)).await.unwrap();
    let shown = link().await;
    assert_eq!(shown.purpose, LinkPurpose::Session);
    assert_eq!(shown.device.as_deref(), Some("Phone"));
    assert_eq!((&*shown.email, shown.is_used), (EMAIL, false));
    env.authorize(&pair.access_token).await.unwrap();

    assert_eq!(reject(&env, &token).await, None);
    let ended = env.authorize(&pair.access_token).await;
    assert_eq!(ended.err(), Some("invalid"));
    assert!(env.refuses_refresh(&pair.refresh_token).await);
    let caller = env.authorize(&mine.access_token).await.unwrap();
    // Pressing twice is no error.
    assert_eq!(reject(&env, &token).await, None);
    assert!(link().await.is_used);
    let events = env.accounts.activity(&caller).await.unwrap();
    let rejected = events
        .iter()
        .filter(|event| event.event == "session_rejected");
    assert_eq!(rejected.count(), 1);
}

#[tokio::test]
async fn the_link_works_for_seven_days() {
    for (passed, works) in [(7 * DAY - SECOND, true), (7 * DAY, false)] {
        let (env, _, token) = env_with_new_device().await;
        env.clock.advance(passed);
        let error = reject(&env, &token).await;
        assert_eq!(error, (!works).then_some("fields"));
    }
}

#[tokio::test]
async fn a_new_password_ends_the_session_and_the_link() {
    let (env, pair, token) = env_with_new_device().await;
    let mine = env.sign_in().await;
    let caller = env.authorize(&mine.access_token).await.unwrap();
    let changed = env
        .accounts
        .change_password(&caller, PASSWORD.into(), OTHER.into());
    changed.await.unwrap();
    let ended = env.authorize(&pair.access_token).await;
    assert_eq!(ended.err(), Some("invalid"));
    assert_eq!(reject(&env, &token).await, Some("fields"));
}

#[tokio::test]
async fn no_other_link_ends_a_session() {
    let (env, pair, token) = env_with_new_device().await;
    let device = laptop();
    let reset = env.accounts.reset_password(EMAIL.into(), None, &device);
    reset.await.unwrap();
    let reset = env.token_to(EMAIL).await;
    for other in [&*reset, "no token"] {
        assert_eq!(reject(&env, other).await, Some("fields"));
    }
    let Err(Error::Fields(_)) = env.accounts.undo_email_change(Some(&token), &device).await else {
        panic!("it takes nothing back");
    };
    env.authorize(&pair.access_token).await.unwrap();
}
