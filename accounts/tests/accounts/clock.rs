//! The clock is set back by an hour, as happens when it was wrong before: nobody is let in, locked out
//! or delayed because of it.

use std::time::Duration;

use crate::support::{EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why};
use accounts::{Accounts, Device, EmailProof, Error};

/// Clocks of servers may differ by a minute, so delays may last this much longer.
const SKEW: Duration = MINUTE;

fn unknown_device() -> Device {
    Device::new("203.0.113.9".parse().unwrap(), "")
}

/// How long a sign-in with the right password from an unknown device has to wait.
async fn wait(accounts: &Accounts) -> Option<Duration> {
    let signed_in = accounts
        .login(EMAIL.into(), PASSWORD.into(), &unknown_device())
        .await;
    match signed_in {
        Ok(_) => None,
        Err(Error::Throttled(wait)) => Some(wait),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn tokens_stay_valid() {
    let env = TestEnv::with_user().await;
    let other_server = env.server_elsewhere().await;
    let before = env.sign_in().await;
    for server in [&env.accounts, &other_server] {
        let seen = server.authorize(&before.access_token, &on_laptop()).await;
        assert_eq!(&*seen.unwrap().user().email, EMAIL);
    }
    env.clock.set_back(HOUR);
    let after = env.sign_in().await;
    for server in [&env.accounts, &other_server] {
        let seen = server.authorize(&after.access_token, &on_laptop()).await;
        assert_eq!(&*seen.unwrap().user().email, EMAIL);
        // An access token of the future has to be renewed.
        let seen = server.authorize(&before.access_token, &on_laptop()).await;
        assert_eq!(seen.err().map(why), Some("expired"));
    }
    for pair in [before, after] {
        // With rotation and a second tab.
        let renewed = env.refresh(&pair.refresh_token).await.unwrap();
        assert_eq!(renewed.expires_in, 900);
        let again = env.refresh(&pair.refresh_token).await.unwrap();
        for pair in [&renewed, &again] {
            env.authorize(&pair.access_token).await.unwrap();
        }
        let last = env.refresh(&renewed.refresh_token).await.unwrap();
        env.authorize(&last.access_token).await.unwrap();
    }
    assert_eq!(env.rows("sessions").await, 2);
}

#[tokio::test]
async fn what_has_ended_stays_ended() {
    let env = TestEnv::with_user().await;
    let other_server = env.server_elsewhere().await;
    let (ended, kept) = (env.sign_in().await, env.sign_in().await);
    for pair in [&ended, &kept] {
        other_server
            .authorize(&pair.access_token, &on_laptop())
            .await
            .unwrap();
    }
    let caller = env.authorize(&ended.access_token).await.unwrap();
    env.accounts.logout(&caller).await.unwrap();
    env.clock.set_back(HOUR);
    let kept = env.refresh(&kept.refresh_token).await.unwrap();
    for server in [&env.accounts, &other_server] {
        let seen = server.authorize(&ended.access_token, &on_laptop()).await;
        assert_eq!(seen.err().map(why), Some("expired"));
        let seen = server.authorize(&kept.access_token, &on_laptop()).await;
        assert!(seen.is_ok());
    }
    let refused = env.refresh(&ended.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));

    // A session that ends after the clock was set back has ended on both servers.
    let caller = env.authorize(&kept.access_token).await.unwrap();
    other_server.logout_all(&caller).await.unwrap();
    for server in [&env.accounts, &other_server] {
        let seen = server.authorize(&kept.access_token, &on_laptop()).await;
        assert_eq!(seen.err().map(why), Some("invalid"));
    }
    let refused = env.refresh(&kept.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
}

/// How long ago it was used is unknown, so it may have been stolen.
#[tokio::test]
async fn a_used_refresh_token_has_no_grace_of_an_hour() {
    let env = TestEnv::with_user().await;
    let used = env.sign_in().await;
    let renewed = env.refresh(&used.refresh_token).await.unwrap();
    let renewed = env.refresh(&renewed.refresh_token).await.unwrap();
    env.clock.set_back(HOUR);
    let refused = env.refresh(&used.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    let refused = env.refresh(&renewed.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
}

/// Servers' clocks differ a little.
#[tokio::test]
async fn a_clock_that_is_half_a_minute_behind_takes_no_grace_away() {
    let env = TestEnv::with_user().await;
    let used = env.sign_in().await;
    env.refresh(&used.refresh_token).await.unwrap();
    env.clock.set_back(30 * SECOND);
    let again = env.refresh(&used.refresh_token).await.unwrap();
    env.authorize(&again.access_token).await.unwrap();
}

#[tokio::test]
async fn sign_ins_wait_no_longer_than_the_longest_delay() {
    // The number of failures, and how many seconds the next sign-in has to wait.
    for (failures, delay) in [(10, 1), (15, 32), (25, 900)] {
        let env = TestEnv::with_user().await;
        for number in 0..failures {
            let wrong = env
                .accounts
                .login(EMAIL.into(), "wrong".into(), &unknown_device())
                .await;
            assert_eq!(wrong.err().map(why), Some("wrong credentials"), "{number}");
            if number + 1 < failures {
                env.clock.advance(15 * MINUTE);
            }
        }
        assert_eq!(wait(&env.accounts).await, Some(delay * SECOND));
        env.clock.set_back(HOUR);
        let waited = wait(&env.accounts).await;
        assert_eq!(waited, None, "after {failures}");
    }

    // A wrong password then causes the usual delay.
    let env = TestEnv::with_user().await;
    for _ in 0..10 {
        let wrong = env
            .accounts
            .login(EMAIL.into(), "wrong".into(), &unknown_device())
            .await;
        assert_eq!(wrong.err().map(why), Some("wrong credentials"));
    }
    env.clock.set_back(HOUR);
    let wrong = env
        .accounts
        .login(EMAIL.into(), "wrong".into(), &unknown_device())
        .await;
    assert_eq!(wrong.err().map(why), Some("wrong credentials"));
    assert_eq!(wait(&env.accounts).await, Some(2 * SECOND));
    // If the clock is set back by less, nobody waits longer than the longest delay.
    env.clock.set_back(10 * MINUTE);
    let waited = wait(&env.accounts).await;
    assert_eq!(waited, Some(10 * MINUTE + 2 * SECOND));
    assert!(waited.unwrap() <= 15 * MINUTE + SKEW);
}

#[tokio::test]
async fn used_codes_stay_used_and_blocks_end() {
    let env = TestEnv::with_user().await;
    let (app, recovery_codes) = env.turn_on_second_factor().await;
    let code = || env.code(&app);
    env.clock.advance(MINUTE);
    let pending = env.sign_in().await.access_token;
    let earlier = std::cell::RefCell::new(pending);
    let pass = async |code: &str| {
        let pending = earlier.borrow().clone();
        let caller = env.accounts.identify(&pending, &on_laptop()).await.unwrap();
        let passed = env.accounts.pass_totp(&caller, code.into()).await;
        passed.map(drop)
    };
    let recover = async |code: &str| {
        let pending = earlier.borrow().clone();
        let caller = env.accounts.identify(&pending, &on_laptop()).await.unwrap();
        let passed = env.accounts.pass_recovery_code(&caller, code.into());
        passed.await.map(drop)
    };
    // Codes that are used an hour before the clock is set back by an hour.
    let used = code();
    assert!(pass(&used).await.is_ok());
    assert!(recover(&recovery_codes[0]).await.is_ok());
    env.clock.advance(HOUR);
    env.clock.set_back(HOUR);
    assert_eq!(code(), used);
    assert!(matches!(pass(&used).await, Err(Error::Fields(_))));
    let spent = recover(&recovery_codes[0]).await;
    assert!(matches!(spent, Err(Error::Fields(_))));

    // A used recovery code is a wrong one. After five in a row, codes are refused.
    for _ in 0..4 {
        let wrong = recover(&recovery_codes[0]).await;
        assert!(matches!(wrong, Err(Error::Fields(_))));
    }
    env.clock.advance(30 * SECOND);
    match pass(&code()).await {
        Err(Error::Throttled(time)) => assert_eq!(time, 30 * SECOND),
        other => panic!("{other:?}"),
    }
    env.clock.set_back(HOUR + MINUTE);
    let pending = env.sign_in().await.access_token;
    earlier.replace(pending);
    assert!(recover(&recovery_codes[1]).await.is_ok());
}

#[tokio::test]
async fn used_links_stay_used() {
    let env = TestEnv::with_user().await;
    let token = env.token_to(EMAIL).await;
    let activate = async || {
        let (proof, device) = (EmailProof::token(&token), laptop());
        env.accounts
            .activate(proof, PASSWORD.into(), None, &device)
            .await
    };
    activate().await.unwrap();
    env.clock.set_back(HOUR);
    activate().await.unwrap();

    // Both links work until one is used, whatever the clock says.
    let ask = async || {
        let device = laptop();
        let request = env.accounts.reset_password(EMAIL.into(), None, &device);
        request.await.unwrap();
        env.token_to(EMAIL).await
    };
    let older = ask().await;
    env.clock.set_back(HOUR);
    let newer = ask().await;
    let reset = async |token: &str| {
        let (accounts, password) = (&env.accounts, "another good password");
        accounts
            .confirm_reset(EmailProof::token(token), password.into(), &laptop())
            .await
    };
    reset(&newer).await.unwrap();
    assert!(matches!(reset(&older).await, Err(Error::Fields(_))));
    assert!(matches!(reset(&newer).await, Err(Error::Fields(_))));
}

#[tokio::test]
async fn the_cleanup_deletes_nothing_that_is_still_needed() {
    let env = TestEnv::with_user().await;
    let before = env.sign_in().await;
    let renewed = env.refresh(&before.refresh_token).await.unwrap();
    let link = env.token_to(EMAIL).await;
    env.clock.set_back(HOUR);
    let after = env.sign_in().await;
    assert_eq!(env.accounts.clean_up().await.unwrap(), 0);
    for pair in [&renewed, &after] {
        let pair = env.refresh(&pair.refresh_token).await.unwrap();
        env.authorize(&pair.access_token).await.unwrap();
    }
    let (proof, device) = (EmailProof::token(&link), laptop());
    let activated = env.accounts.activate(proof, PASSWORD.into(), None, &device);
    activated.await.unwrap();
    // Expired rows are deleted as usual.
    env.clock.advance(91 * crate::support::DAY);
    assert!(env.accounts.clean_up().await.unwrap() > 0);
    assert_eq!(env.rows("sessions").await, 0);
}

/// Emails that were due before the clock was set back, and those that have failed.
#[tokio::test]
async fn emails_do_not_wait_for_an_hour() {
    let env = TestEnv::with_user().await;
    env.clock.set_back(HOUR);
    let emails = env.emails().await;
    assert_eq!(emails.len(), 1);

    let device = laptop();
    let request = env.accounts.reset_password(EMAIL.into(), None, &device);
    request.await.unwrap();
    env.fail_to_send_emails().await;
    assert_eq!(env.rows("outbox").await, 1);
    env.clock.set_back(HOUR);
    let emails = env.emails().await;
    assert_eq!((emails.len(), &*emails[0].to), (1, EMAIL));
}
