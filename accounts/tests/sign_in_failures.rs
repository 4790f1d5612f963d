//! How wrong passwords slow strangers down, and nobody else.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::{cell::Cell, collections::HashMap, time::Duration};

use accounts::{Accounts, Clock, Device, Error, Timestamp};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use stage::{
    DAY, EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, why,
};

const NOBODY: &str = "nobody@example.com";

fn device(address: &str) -> Device {
    Device::new(address.parse().unwrap(), "")
}

/// A stranger's device.
fn stranger() -> Device {
    device("203.0.113.9")
}

/// In a word what came of a sign-in.
async fn sign_in(
    accounts: &Accounts,
    email: &str,
    password: &str,
    device: &Device,
) -> &'static str {
    let result = accounts.login(email.into(), password.into(), device).await;
    result.err().map_or("signed in", why)
}

async fn fail(accounts: &Accounts, email: &str, device: &Device, times: usize) {
    for number in 0..times {
        let came = sign_in(accounts, email, "wrong", device).await;
        assert_eq!(came, "wrong credentials", "failure {number}");
    }
}

/// How many seconds somebody has to wait.
async fn wait(accounts: &Accounts, email: &str, device: &Device) -> u64 {
    match accounts.login(email.into(), PASSWORD.into(), device).await {
        Err(Error::Throttled(wait)) => wait.as_secs(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("signed in"),
    }
}

/// An account and an address without one are treated alike.
#[tokio::test]
async fn delays_double_from_the_tenth_failure_on() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    for email in [EMAIL, NOBODY, "NOBODY2@example.com"] {
        fail(accounts, email, &stranger(), 9).await;
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            fail(accounts, &email.to_lowercase(), &stranger(), 1).await;
            assert_eq!(wait(accounts, email, &stranger()).await, seconds, "{email}");
            // Another stranger, however many there are, does not get around it.
            assert_eq!(wait(accounts, email, &device("2001:db8::1")).await, seconds);
            stage
                .clock
                .advance(u32::try_from(seconds).unwrap() * SECOND);
        }
    }
}

#[tokio::test]
async fn a_right_password_forgives_all_failures() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    fail(accounts, EMAIL, &stranger(), 9).await;
    assert_eq!(
        sign_in(accounts, EMAIL, PASSWORD, &stranger()).await,
        "signed in"
    );
    stage.execute("DELETE FROM sessions").await;
    fail(accounts, EMAIL, &stranger(), 10).await;
    stage.clock.advance(SECOND);
    assert_eq!(
        sign_in(accounts, EMAIL, PASSWORD, &stranger()).await,
        "signed in"
    );
    assert_eq!(stage.rows("sign_in_failures").await, 0);
    stage.execute("DELETE FROM sessions").await;
    fail(accounts, EMAIL, &stranger(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &stranger()).await, 1);
}

/// The right password of an account that is not active was no guess either.
#[tokio::test]
async fn the_owner_of_a_closed_account_is_not_slowed() {
    let stage = TestEnv::with_user().await;
    stage.execute("UPDATE users SET is_active = FALSE").await;
    for _ in 0..15 {
        let came = sign_in(&stage.accounts, EMAIL, PASSWORD, &stranger()).await;
        assert_eq!(came, "inactive");
    }
    assert_eq!(stage.rows("sign_in_failures").await, 0);
}

#[tokio::test]
async fn a_device_that_has_signed_in_before_has_failures_of_its_own() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let first = accounts
        .login(EMAIL.into(), PASSWORD.into(), &stranger())
        .await;
    let tokens = first.unwrap().device_tokens;
    assert!(tokens.is_some());
    // Its session has ended, and it has another address: only the token speaks for it.
    stage.execute("DELETE FROM sessions").await;
    let own = device("198.51.100.1").with_device_tokens(tokens);
    fail(accounts, EMAIL, &stranger(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &stranger()).await, 1);
    fail(accounts, EMAIL, &own, 10).await;
    assert_eq!(wait(accounts, EMAIL, &own).await, 1);
    stage.clock.advance(SECOND);
    // The server's secret may be replaced meanwhile.
    let rotated = stage.server(&format!("{NEW_SECRET},{OLD_SECRET}"), "m=64,t=1,p=1");
    fail(&rotated, EMAIL, &stranger(), 10).await;
    assert_eq!(sign_in(&rotated, EMAIL, PASSWORD, &own).await, "signed in");
}

/// The token of one account is nothing to another.
#[tokio::test]
async fn a_device_token_speaks_for_its_own_account_only() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let device = laptop();
    let eve = accounts.register("eve@example.com".into(), PASSWORD.into(), &device);
    eve.await.unwrap();
    let signed_in = accounts
        .login("eve@example.com".into(), PASSWORD.into(), &stranger())
        .await;
    let eves = stranger().with_device_tokens(signed_in.unwrap().device_tokens);
    fail(accounts, EMAIL, &stranger(), 5).await;
    fail(accounts, EMAIL, &eves, 5).await;
    assert_eq!(wait(accounts, EMAIL, &eves).await, 1);
}

#[tokio::test]
async fn who_comes_from_where_the_account_is_in_use_has_failures_of_its_own() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let home = device("2001:db8:1:2::3");
    let came = sign_in(accounts, EMAIL, PASSWORD, &home).await;
    assert_eq!(came, "signed in");
    fail(accounts, EMAIL, &stranger(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &device("2001:db8:1:3::3")).await, 1);
    let neighbour = device("2001:db8:1:2:9:9:9:9");
    fail(accounts, EMAIL, &neighbour, 10).await;
    assert_eq!(wait(accounts, EMAIL, &home).await, 1);
    // A session that has ended speaks for nobody.
    stage.clock.advance(31 * DAY);
    fail(accounts, EMAIL, &neighbour, 5).await;
    fail(accounts, EMAIL, &stranger(), 5).await;
    assert_eq!(wait(accounts, EMAIL, &home).await, 1);
}

#[tokio::test]
async fn many_devices_sign_in_at_once() {
    let stage = TestEnv::with_user().await;
    for _ in 0..3 {
        let came = at_once(&stage, 20, |_| PASSWORD).await;
        assert_eq!(came, ["signed in"; 20]);
        stage.execute("DELETE FROM sessions").await;
    }
}

/// On two servers.
#[tokio::test]
async fn guesses_at_once_are_counted_like_guesses_one_by_one() {
    let stage = TestEnv::with_user().await;
    let came = at_once(&stage, 60, |_| "wrong").await;
    let checked = came.iter().filter(|came| **came != "throttled").count();
    assert!((10..=33).contains(&checked), "{came:?}");
    // From now on, one guess is checked at a time, and each has to wait.
    stage.clock.advance(15 * MINUTE);
    let came = at_once(&stage, 60, |_| "wrong").await;
    let checked = came.iter().filter(|came| **came != "throttled").count();
    assert_eq!(checked, 1, "{came:?}");
}

/// Signs in as a stranger, on two servers in turn.
async fn at_once(
    stage: &TestEnv,
    count: usize,
    password: impl Fn(usize) -> &'static str,
) -> Vec<&'static str> {
    let servers = [
        stage.accounts.clone(),
        stage.server(OLD_SECRET, "m=64,t=1,p=1"),
    ];
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let (accounts, password) = (servers[index % 2].clone(), password(index));
            tokio::spawn(async move { sign_in(&accounts, EMAIL, password, &stranger()).await })
        })
        .collect();
    let mut came = Vec::new();
    for task in tasks {
        came.push(task.await.unwrap());
    }
    came
}

#[tokio::test]
async fn failures_are_forgotten_after_a_day() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    fail(accounts, EMAIL, &stranger(), 9).await;
    stage.clock.advance(DAY);
    fail(accounts, EMAIL, &stranger(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &stranger()).await, 1);
}

#[tokio::test]
async fn old_failures_are_removed_a_few_at_a_time() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    for number in 0..5 {
        fail(accounts, &format!("a{number}@example.com"), &stranger(), 1).await;
    }
    stage.clock.advance(HOUR);
    fail(accounts, EMAIL, &stranger(), 1).await;
    assert_eq!(accounts.remove_old_sign_in_failures(3).await.unwrap(), 0);
    stage.clock.advance(DAY - HOUR);
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(accounts.remove_old_sign_in_failures(3).await.unwrap());
    }
    assert_eq!(removed, [3, 2, 0]);
    assert_eq!(stage.rows("sign_in_failures").await, 1);
}

/// What is no address has no account, and nothing to be counted for.
#[tokio::test]
async fn what_is_no_address_is_not_counted() {
    let stage = TestEnv::with_user().await;
    fail(&stage.accounts, "no address", &stranger(), 15).await;
    assert_eq!(stage.rows("sign_in_failures").await, 0);
}

/// How sign-ins are to be delayed, in other words: what is known of each account and guesser.
#[derive(Default)]
struct Model {
    /// The networks where the account is in use.
    at_home: Vec<&'static str>,
    guessers: HashMap<(&'static str, &'static str), Guesses>,
}

struct Guesses {
    failures: usize,
    last: Timestamp,
    blocked_until: Timestamp,
}

impl Model {
    /// What a sign-in is answered with; how long to wait, where that is it.
    fn sign_in(
        &mut self,
        email: &'static str,
        address: &'static str,
        is_right: bool,
        now: Timestamp,
    ) -> Result<&'static str, Duration> {
        const DELAYS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900];
        let is_at_home = email == EMAIL && self.at_home.contains(&address);
        let guesser = (email, if is_at_home { address } else { "a stranger" });
        let known = self.guessers.get(&guesser);
        if let Some(known) = known
            && known.blocked_until > now
        {
            return Err(known.blocked_until.since(now));
        }
        if is_right && email == EMAIL {
            self.guessers.remove(&guesser);
            self.at_home.push(address);
            return Ok("signed in");
        }
        let earlier = known.filter(|known| now.since(known.last) < DAY);
        let failures = earlier.map_or(0, |known| known.failures) + 1;
        let delay = failures
            .checked_sub(10)
            .map_or(0, |place| DELAYS[place.min(10)]);
        let guesses = Guesses {
            failures,
            last: now,
            blocked_until: now.plus(Duration::from_secs(delay)),
        };
        self.guessers.insert(guesser, guesses);
        Ok("wrong credentials")
    }
}

/// Sign-ins in any order, from anywhere, at any time.
#[test]
fn sign_ins_are_delayed_as_the_model_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(TestEnv::with_user());
    let pause = prop_oneof![
        4 => Just(Duration::ZERO),
        4 => (0..5_000_u64).prop_map(Duration::from_millis),
        4 => (0..15 * 60_u64).prop_map(Duration::from_secs),
        1 => Just(DAY - SECOND),
        1 => Just(DAY),
    ];
    let sign_in = (
        select(&[EMAIL, NOBODY][..]),
        select(&["203.0.113.9", "203.0.113.10", "2001:db8::1"][..]),
        proptest::bool::weighted(0.04),
        1..8_usize,
        pause,
    );
    let mut runner = TestRunner::new(Config {
        cases: 16,
        failure_persistence: None,
        ..Config::default()
    });
    let longest = Cell::new(Duration::ZERO);
    runner
        .run(&vec(sign_in, 20..50), |sequence| {
            let mut model = Model::default();
            runtime.block_on(async {
                stage.execute("DELETE FROM sessions").await;
                stage.execute("DELETE FROM sign_in_failures").await;
            });
            // A long delay to begin with, which chance alone does not always bring about.
            let wrong = |times, pause| (NOBODY, "203.0.113.9", false, times, pause);
            let patient = [wrong(1, 2 * MINUTE); 17].into_iter();
            let all = patient.chain([wrong(1, Duration::ZERO)]).chain(sequence);
            for (email, address, is_right, times, pause) in all {
                stage.clock.advance(pause);
                let now = stage.clock.now();
                let password = if is_right { PASSWORD } else { "wrong" };
                for _ in 0..times {
                    let expected = model.sign_in(email, address, is_right, now);
                    let device = device(address);
                    let came = stage.accounts.login(email.into(), password.into(), &device);
                    let came = match runtime.block_on(came) {
                        Ok(_) => Ok("signed in"),
                        Err(Error::Throttled(wait)) => Err(wait),
                        Err(error) => Ok(why(error)),
                    };
                    prop_assert_eq!(came, expected);
                    longest.set(longest.get().max(came.err().unwrap_or_default()));
                }
            }
            Ok(())
        })
        .unwrap();
    // Delays of minutes have been seen.
    assert!(longest.get() > MINUTE);
}

/// A stolen token guesses no faster than a stranger, and keeps nobody else waiting.
#[tokio::test]
async fn a_session_that_guesses_the_password_has_to_wait() {
    let stage = TestEnv::with_user().await;
    let (stolen, own) = (stage.sign_in().await, stage.sign_in().await);
    let caller = stage.authorize(&stolen.access_token).await.unwrap();
    let guess = async |password: &str| {
        let changed = stage
            .accounts
            .change_password(&caller, password.into(), "another horse battery".into())
            .await;
        match changed {
            Ok(_) => "changed",
            Err(Error::Fields(_)) => "wrong",
            Err(error) => why(error),
        }
    };
    for _ in 0..10 {
        assert_eq!(guess("not this one").await, "wrong");
    }
    assert_eq!(guess(PASSWORD).await, "throttled");

    let owner = stage.authorize(&own.access_token).await.unwrap();
    let setup = stage.accounts.begin_totp(&owner, PASSWORD.into()).await;
    setup.unwrap();
    stage.sign_in().await;

    stage.clock.advance(SECOND);
    assert_eq!(guess("nor this").await, "wrong");
    assert_eq!(guess(PASSWORD).await, "throttled");
    stage.clock.advance(2 * SECOND);
    assert_eq!(guess(PASSWORD).await, "changed");
}
