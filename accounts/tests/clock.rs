//! The clock is set back by an hour, as happens where it was wrong before: nobody is let in, locked
//! out or kept waiting by that.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::time::Duration;

use accounts::{Accounts, Device, Error};
use stage::{EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why};

/// Clocks of servers may differ by a minute, which delays may last longer.
const SKEW: Duration = MINUTE;

fn stranger() -> Device {
    Device::new("203.0.113.9".parse().unwrap(), "")
}

/// How long a sign-in of a stranger with the right password has to wait.
async fn wait(accounts: &Accounts) -> Option<Duration> {
    let signed_in = accounts
        .login(EMAIL.into(), PASSWORD.into(), &stranger())
        .await;
    match signed_in {
        Ok(_) => None,
        Err(Error::Throttled(wait)) => Some(wait),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn tokens_go_on_working() {
    let stage = TestEnv::with_user().await;
    let other_server = stage.server_elsewhere().await;
    let before = stage.sign_in().await;
    for server in [&stage.accounts, &other_server] {
        let seen = server.authorize(&before.access_token, &on_laptop()).await;
        assert_eq!(&*seen.unwrap().user().email, EMAIL);
    }
    stage.clock.set_back(HOUR);
    let after = stage.sign_in().await;
    for pair in [&before, &after] {
        for server in [&stage.accounts, &other_server] {
            let seen = server.authorize(&pair.access_token, &on_laptop()).await;
            assert_eq!(&*seen.unwrap().user().email, EMAIL);
        }
    }
    for pair in [before, after] {
        // With rotation, and a second tab.
        let renewed = stage.refresh(&pair.refresh_token).await.unwrap();
        assert_eq!(renewed.expires_in, 900);
        let again = stage.refresh(&pair.refresh_token).await.unwrap();
        for pair in [&renewed, &again] {
            stage.authorize(&pair.access_token).await.unwrap();
        }
        let last = stage.refresh(&renewed.refresh_token).await.unwrap();
        stage.authorize(&last.access_token).await.unwrap();
    }
    assert_eq!(stage.rows("sessions").await, 2);
}

#[tokio::test]
async fn what_has_ended_stays_ended() {
    let stage = TestEnv::with_user().await;
    let other_server = stage.server_elsewhere().await;
    let (ended, kept) = (stage.sign_in().await, stage.sign_in().await);
    for pair in [&ended, &kept] {
        other_server
            .authorize(&pair.access_token, &on_laptop())
            .await
            .unwrap();
    }
    let caller = stage.authorize(&ended.access_token).await.unwrap();
    stage.accounts.logout(&caller).await.unwrap();
    stage.clock.set_back(HOUR);
    for server in [&stage.accounts, &other_server] {
        let seen = server.authorize(&ended.access_token, &on_laptop()).await;
        assert_eq!(seen.err().map(why), Some("invalid"));
        let seen = server.authorize(&kept.access_token, &on_laptop()).await;
        assert!(seen.is_ok());
    }
    let refused = stage.refresh(&ended.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));

    // And what ends after the clock was set back, on either server.
    let caller = stage.authorize(&kept.access_token).await.unwrap();
    other_server.logout_all(&caller).await.unwrap();
    for server in [&stage.accounts, &other_server] {
        let seen = server.authorize(&kept.access_token, &on_laptop()).await;
        assert_eq!(seen.err().map(why), Some("invalid"));
    }
    let refused = stage.refresh(&kept.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
}

/// Nobody can say how long ago it was used: it may be in the wrong hands.
#[tokio::test]
async fn a_used_refresh_token_has_no_grace_of_an_hour() {
    let stage = TestEnv::with_user().await;
    let used = stage.sign_in().await;
    let renewed = stage.refresh(&used.refresh_token).await.unwrap();
    stage.clock.set_back(HOUR);
    let refused = stage.refresh(&used.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    let refused = stage.refresh(&renewed.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
}

/// Servers' clocks differ a little.
#[tokio::test]
async fn a_clock_that_is_half_a_minute_behind_takes_no_grace_away() {
    let stage = TestEnv::with_user().await;
    let used = stage.sign_in().await;
    stage.refresh(&used.refresh_token).await.unwrap();
    stage.clock.set_back(30 * SECOND);
    let again = stage.refresh(&used.refresh_token).await.unwrap();
    stage.authorize(&again.access_token).await.unwrap();
}

#[tokio::test]
async fn sign_ins_wait_no_longer_than_the_longest_delay() {
    // So many failures, and how many seconds the next sign-in has to wait.
    for (failures, delay) in [(10, 1), (15, 32), (25, 900)] {
        let stage = TestEnv::with_user().await;
        for number in 0..failures {
            let wrong = stage
                .accounts
                .login(EMAIL.into(), "wrong".into(), &stranger())
                .await;
            assert_eq!(wrong.err().map(why), Some("wrong credentials"), "{number}");
            if number + 1 < failures {
                stage.clock.advance(15 * MINUTE);
            }
        }
        assert_eq!(wait(&stage.accounts).await, Some(delay * SECOND));
        stage.clock.set_back(HOUR);
        let waited = wait(&stage.accounts).await;
        assert_eq!(waited, None, "after {failures}");
    }

    // A wrong guess then has to wait like any other.
    let stage = TestEnv::with_user().await;
    for _ in 0..10 {
        let wrong = stage
            .accounts
            .login(EMAIL.into(), "wrong".into(), &stranger())
            .await;
        assert_eq!(wrong.err().map(why), Some("wrong credentials"));
    }
    stage.clock.set_back(HOUR);
    let wrong = stage
        .accounts
        .login(EMAIL.into(), "wrong".into(), &stranger())
        .await;
    assert_eq!(wrong.err().map(why), Some("wrong credentials"));
    assert_eq!(wait(&stage.accounts).await, Some(2 * SECOND));
    // Where it is set back by less, nobody waits for longer than the longest delay.
    stage.clock.set_back(10 * MINUTE);
    let waited = wait(&stage.accounts).await;
    assert_eq!(waited, Some(10 * MINUTE + 2 * SECOND));
    assert!(waited.unwrap() <= 15 * MINUTE + SKEW);
}

#[tokio::test]
async fn used_codes_stay_used_and_blocks_end() {
    let stage = TestEnv::with_user().await;
    let (app, recovery_codes) = stage.turn_on_second_factor().await;
    let code = || stage.code(&app);
    stage.clock.advance(MINUTE);
    let half = stage.sign_in().await.access_token;
    let pass = async |code: &str| {
        let caller = stage.accounts.identify(&half, &on_laptop()).await.unwrap();
        let passed = stage.accounts.pass_totp(&caller, code.into()).await;
        passed.map(drop)
    };
    let recover = async |code: &str| {
        let caller = stage.accounts.identify(&half, &on_laptop()).await.unwrap();
        let passed = stage.accounts.pass_recovery_code(&caller, code.into());
        passed.await.map(drop)
    };
    // Codes that are used an hour before the clock is set back by it.
    let used = code();
    assert!(pass(&used).await.is_ok());
    assert!(recover(&recovery_codes[0]).await.is_ok());
    stage.clock.advance(HOUR);
    stage.clock.set_back(HOUR);
    assert_eq!(code(), used);
    assert!(matches!(pass(&used).await, Err(Error::Fields(_))));
    let spent = recover(&recovery_codes[0]).await;
    assert!(matches!(spent, Err(Error::Fields(_))));

    // A spent recovery code is a wrong one. Five in a row, and codes are refused.
    for _ in 0..4 {
        let wrong = recover(&recovery_codes[0]).await;
        assert!(matches!(wrong, Err(Error::Fields(_))));
    }
    stage.clock.advance(30 * SECOND);
    match pass(&code()).await {
        Err(Error::Throttled(time)) => assert_eq!(time, 30 * SECOND),
        other => panic!("{other:?}"),
    }
    stage.clock.set_back(HOUR + MINUTE);
    assert!(recover(&recovery_codes[1]).await.is_ok());
}

#[tokio::test]
async fn used_links_stay_used() {
    let stage = TestEnv::with_user().await;
    let token = stage.token_to(EMAIL).await;
    let activate = async || stage.accounts.activate((&*token).into(), &laptop()).await;
    activate().await.unwrap();
    stage.clock.set_back(HOUR);
    assert!(matches!(activate().await, Err(Error::Fields(_))));

    // A newer link is the one that works, whatever the clock says.
    let ask = async || {
        let device = laptop();
        let wish = stage.accounts.reset_password(EMAIL.into(), &device);
        wish.await.unwrap();
        stage.token_to(EMAIL).await
    };
    let older = ask().await;
    stage.clock.set_back(HOUR);
    let newer = ask().await;
    let reset = async |token: &str| {
        let (accounts, password) = (&stage.accounts, "another good password");
        accounts
            .confirm_reset(token.into(), password.into(), &laptop())
            .await
    };
    assert!(matches!(reset(&older).await, Err(Error::Fields(_))));
    reset(&newer).await.unwrap();
    assert!(matches!(reset(&newer).await, Err(Error::Fields(_))));
}

#[tokio::test]
async fn the_cleanup_removes_nothing_that_is_alive() {
    let stage = TestEnv::with_user().await;
    let before = stage.sign_in().await;
    let renewed = stage.refresh(&before.refresh_token).await.unwrap();
    let link = stage.token_to(EMAIL).await;
    stage.clock.set_back(HOUR);
    let after = stage.sign_in().await;
    assert_eq!(stage.accounts.clean_up().await.unwrap(), 0);
    for pair in [&renewed, &after] {
        stage.authorize(&pair.access_token).await.unwrap();
        stage.refresh(&pair.refresh_token).await.unwrap();
    }
    let activated = stage.accounts.activate((&*link).into(), &laptop()).await;
    activated.unwrap();
    // What is over is removed as ever.
    stage.clock.advance(91 * stage::DAY);
    assert!(stage.accounts.clean_up().await.unwrap() > 0);
    assert_eq!(stage.rows("sessions").await, 0);
}

/// Mails that were due before the clock was set back, and those that have failed.
#[tokio::test]
async fn mails_do_not_wait_for_an_hour() {
    let stage = TestEnv::with_user().await;
    stage.clock.set_back(HOUR);
    let mails = stage.mails().await;
    assert_eq!(mails.len(), 1);

    let device = laptop();
    let wish = stage.accounts.reset_password(EMAIL.into(), &device);
    wish.await.unwrap();
    stage.try_mails_in_vain().await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.set_back(HOUR);
    let mails = stage.mails().await;
    assert_eq!((mails.len(), &*mails[0].to), (1, EMAIL));
}
