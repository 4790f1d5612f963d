//! Wrong passwords delay further attempts from unknown devices, and nobody else.

use std::{cell::Cell, collections::HashMap, time::Duration};

use accounts::{Accounts, Clock, Database, Device, EmailProof, Error, Timestamp};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::support::{
    DAY, EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, why,
};

const NOBODY: &str = "nobody@example.com";

fn device(address: &str) -> Device {
    Device::new(address.parse().unwrap(), "")
}

/// A device that the account does not know.
fn unknown_device() -> Device {
    device("203.0.113.9")
}

/// The result of a sign-in, in a word.
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

/// How many seconds a sign-in has to wait.
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
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    for email in [EMAIL, NOBODY, "NOBODY2@example.com"] {
        fail(accounts, email, &unknown_device(), 9).await;
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            fail(accounts, &email.to_lowercase(), &unknown_device(), 1).await;
            assert_eq!(
                wait(accounts, email, &unknown_device()).await,
                seconds,
                "{email}"
            );
            // Other unknown devices share the delay.
            assert_eq!(wait(accounts, email, &device("2001:db8::1")).await, seconds);
            env.clock.advance(u32::try_from(seconds).unwrap() * SECOND);
        }
    }
}

#[tokio::test]
async fn a_right_password_clears_all_failures() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    fail(accounts, EMAIL, &unknown_device(), 9).await;
    assert_eq!(
        sign_in(accounts, EMAIL, PASSWORD, &unknown_device()).await,
        "signed in"
    );
    env.execute("DELETE FROM sessions").await;
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    env.clock.advance(SECOND);
    assert_eq!(
        sign_in(accounts, EMAIL, PASSWORD, &unknown_device()).await,
        "signed in"
    );
    assert_eq!(env.rows("sign_in_failures").await, 0);
    env.execute("DELETE FROM sessions").await;
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &unknown_device()).await, 1);
}

/// The right password of an inactive account does not count as a failure.
#[tokio::test]
async fn the_owner_of_an_inactive_account_is_not_delayed() {
    let env = TestEnv::with_user().await;
    env.execute("UPDATE users SET is_active = FALSE").await;
    for _ in 0..15 {
        let came = sign_in(&env.accounts, EMAIL, PASSWORD, &unknown_device()).await;
        assert_eq!(came, "inactive");
    }
    assert_eq!(env.rows("sign_in_failures").await, 0);
}

#[tokio::test]
async fn a_known_device_has_its_own_count_of_failures() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let first = accounts
        .login(EMAIL.into(), PASSWORD.into(), &unknown_device())
        .await;
    let tokens = first.unwrap().device_tokens;
    assert!(tokens.is_some());
    // Its session has ended and its IP address has changed: only the token identifies it.
    env.execute("DELETE FROM sessions").await;
    let own = device("198.51.100.1").with_device_tokens(tokens);
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &unknown_device()).await, 1);
    fail(accounts, EMAIL, &own, 10).await;
    assert_eq!(wait(accounts, EMAIL, &own).await, 1);
    env.clock.advance(SECOND);
    // The master secret may be replaced in the meantime.
    let rotated = env.server(&format!("{NEW_SECRET},{OLD_SECRET}"), "m=64,t=1,p=1");
    fail(&rotated, EMAIL, &unknown_device(), 10).await;
    assert_eq!(sign_in(&rotated, EMAIL, PASSWORD, &own).await, "signed in");
}

/// The device token of one account means nothing to another.
#[tokio::test]
async fn a_device_token_counts_for_its_own_account_only() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let device = laptop();
    let eve = accounts.register("eve@example.com".into(), PASSWORD.into(), &device);
    eve.await.unwrap();
    let signed_in = accounts
        .login("eve@example.com".into(), PASSWORD.into(), &unknown_device())
        .await;
    let eves = unknown_device().with_device_tokens(signed_in.unwrap().device_tokens);
    fail(accounts, EMAIL, &unknown_device(), 5).await;
    fail(accounts, EMAIL, &eves, 5).await;
    assert_eq!(wait(accounts, EMAIL, &eves).await, 1);
}

#[tokio::test]
async fn a_network_where_the_account_is_in_use_has_its_own_count_of_failures() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let home = device("2001:db8:1:2::3");
    let came = sign_in(accounts, EMAIL, PASSWORD, &home).await;
    assert_eq!(came, "signed in");
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &device("2001:db8:1:3::3")).await, 1);
    let neighbour = device("2001:db8:1:2:9:9:9:9");
    fail(accounts, EMAIL, &neighbour, 10).await;
    assert_eq!(wait(accounts, EMAIL, &home).await, 1);
    // An expired session no longer counts.
    env.clock.advance(31 * DAY);
    fail(accounts, EMAIL, &neighbour, 5).await;
    fail(accounts, EMAIL, &unknown_device(), 5).await;
    assert_eq!(wait(accounts, EMAIL, &home).await, 1);
}

#[tokio::test]
async fn many_devices_sign_in_concurrently() {
    let env = TestEnv::with_user().await;
    for _ in 0..3 {
        let came = at_once(&env, 20, |_| PASSWORD).await;
        assert_eq!(came, ["signed in"; 20]);
        env.execute("DELETE FROM sessions").await;
    }
}

/// On two servers.
#[tokio::test]
async fn concurrent_attempts_are_counted_like_sequential_ones() {
    let env = TestEnv::with_user().await;
    let came = at_once(&env, 60, |_| "wrong").await;
    let checked = came.iter().filter(|came| **came != "throttled").count();
    assert!((10..=33).contains(&checked), "{came:?}");
    // From now on, one attempt is checked at a time.
    env.clock.advance(15 * MINUTE);
    let came = at_once(&env, 60, |_| "wrong").await;
    let checked = came.iter().filter(|came| **came != "throttled").count();
    assert_eq!(checked, 1, "{came:?}");
}

/// Signs in concurrently from an unknown device, on two servers in turn.
async fn at_once(
    env: &TestEnv,
    count: usize,
    password: impl Fn(usize) -> &'static str,
) -> Vec<&'static str> {
    let servers = [env.accounts.clone(), env.server(OLD_SECRET, "m=64,t=1,p=1")];
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let (accounts, password) = (servers[index % 2].clone(), password(index));
            tokio::spawn(
                async move { sign_in(&accounts, EMAIL, password, &unknown_device()).await },
            )
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
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    fail(accounts, EMAIL, &unknown_device(), 9).await;
    env.clock.advance(DAY);
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    assert_eq!(wait(accounts, EMAIL, &unknown_device()).await, 1);
}

#[tokio::test]
async fn old_failures_are_deleted_a_few_at_a_time() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    for number in 0..5 {
        fail(
            accounts,
            &format!("a{number}@example.com"),
            &unknown_device(),
            1,
        )
        .await;
    }
    env.clock.advance(HOUR);
    fail(accounts, EMAIL, &unknown_device(), 1).await;
    assert_eq!(accounts.remove_old_sign_in_failures(3).await.unwrap(), 0);
    env.clock.advance(DAY - HOUR);
    let mut removed = Vec::new();
    for _ in 0..3 {
        removed.push(accounts.remove_old_sign_in_failures(3).await.unwrap());
    }
    assert_eq!(removed, [3, 2, 0]);
    assert_eq!(env.rows("sign_in_failures").await, 1);
}

/// An invalid email address has no account that could be guessed.
#[tokio::test]
async fn an_invalid_email_address_is_not_counted() {
    let env = TestEnv::with_user().await;
    fail(&env.accounts, "no address", &unknown_device(), 15).await;
    assert_eq!(env.rows("sign_in_failures").await, 0);
}

/// A model of the delays: what is known about each account and source of attempts.
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
    /// The result of a sign-in, or how long to wait.
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

/// Random sequences of sign-ins.
#[test]
fn sign_ins_are_delayed_as_the_model_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let env = runtime.block_on(TestEnv::with_user());
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
                env.execute("DELETE FROM sessions").await;
                env.execute("DELETE FROM sign_in_failures").await;
            });
            // Start with a long delay, which random sequences rarely reach.
            let wrong = |times, pause| (NOBODY, "203.0.113.9", false, times, pause);
            let patient = [wrong(1, 2 * MINUTE); 17].into_iter();
            let all = patient.chain([wrong(1, Duration::ZERO)]).chain(sequence);
            for (email, address, is_right, times, pause) in all {
                env.clock.advance(pause);
                let now = env.clock.now();
                let password = if is_right { PASSWORD } else { "wrong" };
                for _ in 0..times {
                    let expected = model.sign_in(email, address, is_right, now);
                    let device = device(address);
                    let came = env.accounts.login(email.into(), password.into(), &device);
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
    // There were delays of minutes.
    assert!(longest.get() > MINUTE);
}

/// A stolen token allows no faster guessing than an unknown device, and delays nobody else.
#[tokio::test]
async fn a_session_that_guesses_the_password_has_to_wait() {
    let env = TestEnv::with_verified_user().await;
    let (stolen, own) = (env.sign_in().await, env.sign_in().await);
    let caller = env.authorize(&stolen.access_token).await.unwrap();
    let guess = async |password: &str| {
        let changed = env
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

    let owner = env.authorize(&own.access_token).await.unwrap();
    let setup = env.accounts.begin_totp(&owner, PASSWORD.into()).await;
    setup.unwrap();
    env.sign_in().await;

    env.clock.advance(SECOND);
    assert_eq!(guess("nor this").await, "wrong");
    assert_eq!(guess(PASSWORD).await, "throttled");
    env.clock.advance(2 * SECOND);
    assert_eq!(guess(PASSWORD).await, "changed");
}

/// Signs in on a device, and returns the device with its tokens.
async fn known_device(accounts: &Accounts, password: &str, address: &str) -> Device {
    let signed_in = accounts
        .login(EMAIL.into(), password.into(), &device(address))
        .await;
    device(address).with_device_tokens(signed_in.unwrap().device_tokens)
}

/// Resets the password by email on a device, and returns the device with its tokens.
async fn reset(env: &TestEnv, password: &str, address: &str) -> Device {
    env.emails().await;
    let asking = laptop();
    let asked = env.accounts.reset_password(EMAIL.into(), None, &asking);
    asked.await.unwrap();
    let token = env.token_to(EMAIL).await;
    let device = device(address);
    let confirmed = env
        .accounts
        .confirm_reset(EmailProof::token(&token), password.into(), &device)
        .await;
    device.with_device_tokens(confirmed.unwrap())
}

const NEW_PASSWORD: &str = "another horse battery";

/// The mailbox proves who owns the account: nobody's guesses stand in the way any more.
#[tokio::test]
async fn a_reset_by_email_lifts_the_wait() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    for failures in [10, 1, 1, 1, 1] {
        fail(accounts, EMAIL, &unknown_device(), failures).await;
        let seconds = wait(accounts, EMAIL, &unknown_device()).await;
        env.clock.advance(u32::try_from(seconds).unwrap() * SECOND);
    }
    fail(accounts, EMAIL, &unknown_device(), 1).await;
    wait(accounts, EMAIL, &unknown_device()).await;
    let here = reset(&env, NEW_PASSWORD, "198.51.100.1").await;
    let elsewhere = device("198.51.100.2");
    let came = sign_in(accounts, EMAIL, NEW_PASSWORD, &elsewhere).await;
    assert_eq!(came, "signed in");
    // The browser that did it is known from then on.
    env.execute("DELETE FROM sessions").await;
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    wait(accounts, EMAIL, &unknown_device()).await;
    let came = sign_in(accounts, EMAIL, NEW_PASSWORD, &here).await;
    assert_eq!(came, "signed in");
}

/// So do an operator, and the owner with the present password.
#[tokio::test]
async fn every_new_password_lifts_the_wait() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let pair = env.sign_in().await;
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let changed = accounts
        .change_password(&caller, PASSWORD.into(), NEW_PASSWORD.into())
        .await;
    let here = device("198.51.100.1").with_device_tokens(changed.unwrap().device_tokens);
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    wait(accounts, EMAIL, &unknown_device()).await;
    env.execute("DELETE FROM sessions").await;
    let came = sign_in(accounts, EMAIL, NEW_PASSWORD, &here).await;
    assert_eq!(came, "signed in");
    env.execute("DELETE FROM sessions").await;
    let set = accounts.set_password_of_user(EMAIL.into(), PASSWORD.into());
    set.await.unwrap();
    let came = sign_in(accounts, EMAIL, PASSWORD, &unknown_device()).await;
    assert_eq!(came, "signed in");
}

/// How many of nine wrong passwords from each device are looked at.
async fn looked_at(accounts: &Accounts, devices: &[Device]) -> usize {
    let mut count = 0;
    for device in devices {
        for _ in 0..9 {
            let came = sign_in(accounts, EMAIL, "wrong", device).await;
            count += usize::from(came == "wrong credentials");
        }
    }
    count
}

#[tokio::test]
async fn a_new_password_makes_every_device_unknown() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    for change in ["reset", "change", "operator"] {
        let mut devices = Vec::new();
        for _ in 0..10 {
            devices.push(known_device(accounts, PASSWORD, "198.51.100.1").await);
        }
        env.execute("DELETE FROM sessions").await;
        // Two devices can happen to share a count of 10, five hardly.
        assert!(looked_at(accounts, &devices[..5]).await > 10, "{change}");
        match change {
            "reset" => drop(reset(&env, PASSWORD, "198.51.100.3").await),
            "change" => {
                let pair = env.sign_in().await;
                let caller = env.authorize(&pair.access_token).await.unwrap();
                let changed = accounts.change_password(&caller, PASSWORD.into(), PASSWORD.into());
                changed.await.unwrap();
            }
            _ => {
                let set = accounts.set_password_of_user(EMAIL.into(), PASSWORD.into());
                set.await.unwrap();
            }
        }
        assert_eq!(looked_at(accounts, &devices).await, 10, "{change}");
        env.execute("DELETE FROM sign_in_failures").await;
    }
}

#[tokio::test]
async fn a_known_device_is_forgotten_after_180_days() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let known = known_device(accounts, PASSWORD, "198.51.100.1").await;
    env.clock.advance(180 * DAY);
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    fail(accounts, EMAIL, &known, 1).await;
    env.clock.advance(SECOND);
    fail(accounts, EMAIL, &unknown_device(), 1).await;
    // It shares the wait of the unknown ones.
    assert_eq!(wait(accounts, EMAIL, &known).await, 2);
}

/// Without a new password as well: who collects devices or networks gets no more guesses than a fixed
/// number of counts allows.
#[tokio::test]
async fn many_known_devices_share_a_few_counts() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let mut devices = Vec::new();
    for _ in 0..60 {
        devices.push(known_device(accounts, PASSWORD, "198.51.100.1").await);
    }
    env.execute("DELETE FROM sessions").await;
    let count = looked_at(accounts, &devices).await;
    assert!((11..=160).contains(&count), "{count}");
}

#[tokio::test]
async fn many_networks_share_a_few_counts() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let mut count = 0;
    // A session that moves on, as with a stolen refresh token.
    let mut pair = env.sign_in().await;
    for number in 0..60 {
        let here = device(&format!("2001:db8:0:{number}::1"));
        let renewed = accounts.refresh((&*pair.refresh_token).into(), &here).await;
        pair = renewed.unwrap();
        count += looked_at(accounts, &[here]).await;
    }
    assert!((11..=160).contains(&count), "{count}");
}

/// An IPv4 client is the same client through NAT64.
#[tokio::test]
async fn a_network_is_known_through_a_translator() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let came = sign_in(accounts, EMAIL, PASSWORD, &device("192.0.2.1")).await;
    assert_eq!(came, "signed in");
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    wait(accounts, EMAIL, &unknown_device()).await;
    let translated = device("64:ff9b::192.0.2.1");
    let came = sign_in(accounts, EMAIL, PASSWORD, &translated).await;
    assert_eq!(came, "signed in");
}

#[tokio::test]
async fn an_attempt_without_a_place_in_the_hashing_queue_is_not_counted() {
    let env = TestEnv::with_user().await;
    let tasks: Vec<_> = (0..700)
        .map(|number| {
            let accounts = env.accounts.clone();
            tokio::spawn(async move {
                let email = format!("a{number}@example.com");
                let device = unknown_device();
                let login = accounts.login((&*email).into(), "wrong".into(), &device);
                login.await.err()
            })
        })
        .collect();
    let mut refused = 0;
    for task in tasks {
        match task.await.unwrap() {
            Some(Error::Overloaded) => refused += 1,
            Some(Error::InvalidCredentials) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(env.rows("sign_in_failures").await, 700 - refused);
}

/// An attempt during a wait writes nothing.
#[tokio::test]
async fn an_attempt_during_a_wait_is_only_read() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    fail(accounts, EMAIL, &unknown_device(), 10).await;
    let blocked = env.server_elsewhere().await;
    // Nobody can write now.
    let Database::Sqlite { write, .. } = &env.database else {
        return;
    };
    let mut writer = write.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE")
        .execute(&mut *writer)
        .await
        .unwrap();
    assert_eq!(wait(&blocked, EMAIL, &unknown_device()).await, 1);
    sqlx::query("ROLLBACK").execute(&mut *writer).await.unwrap();
}
