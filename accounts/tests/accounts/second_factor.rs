//! The second factor over time.

use std::time::Duration;

use crate::support::{
    DAY, EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, authenticator,
    laptop, on_laptop,
};
use accounts::{Accounts, Clock, Error, TokenPair};
use totp_rs::Totp;

const STEP: Duration = Duration::from_secs(30);

/// A user with a second factor, and a session whose second factor is pending.
struct Scene {
    env: TestEnv,
    app: Totp,
    recovery_codes: Vec<String>,
    pending: TokenPair,
}

/// The result of entering a code.
#[derive(Debug, PartialEq, Eq)]
enum Attempt {
    Right,
    Wrong,
    Throttled(u64),
}

impl Scene {
    async fn new() -> Self {
        let env = TestEnv::with_user().await;
        let (app, recovery_codes) = env.turn_on_second_factor().await;
        // The code of this step is used.
        env.clock.advance(STEP);
        let pending = env.sign_in().await;
        Self {
            env,
            app,
            recovery_codes,
            pending,
        }
    }

    async fn try_code(&self, code: &str) -> Attempt {
        self.try_code_at(&self.env.accounts, code).await
    }

    async fn try_code_at(&self, server: &Accounts, code: &str) -> Attempt {
        let caller = server
            .identify(&self.pending.access_token, &on_laptop())
            .await
            .unwrap();
        attempt(server.pass_totp(&caller, code.into()).await)
    }

    async fn try_right(&self) -> Attempt {
        self.try_code(&self.env.code(&self.app)).await
    }

    async fn try_wrong(&self) -> Attempt {
        self.try_code(&wrong(&self.app, &self.env)).await
    }

    /// Signs in again, because the access token has expired.
    async fn sign_in(&mut self) {
        self.pending = self.env.sign_in().await;
    }
}

fn attempt(result: Result<TokenPair, Error>) -> Attempt {
    match result {
        Ok(_) => Attempt::Right,
        Err(Error::Fields(_)) => Attempt::Wrong,
        Err(Error::Throttled(time)) => Attempt::Throttled(time.as_secs()),
        Err(other) => panic!("{other}"),
    }
}

fn seconds(env: &TestEnv) -> u64 {
    env.clock.now().unix_seconds().try_into().unwrap()
}

fn wrong(app: &Totp, env: &TestEnv) -> String {
    let good: Vec<_> = [-30, 0, 30]
        .map(|offset| seconds(env).checked_add_signed(offset).unwrap())
        .map(|time| app.generate(time).to_string())
        .into();
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes.find(|code| !good.contains(code)).unwrap()
}

#[tokio::test]
async fn blocks_double_to_an_hour() {
    let mut scene = Scene::new().await;
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Attempt::Wrong);
    }
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        let block = minutes * MINUTE;
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Attempt::Throttled(block.as_secs()));
        scene.env.clock.advance(block - SECOND);
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Attempt::Throttled(1));
        assert_eq!(scene.try_wrong().await, Attempt::Throttled(1));
        // Then one attempt is allowed.
        scene.env.clock.advance(SECOND);
        assert_eq!(
            scene.try_wrong().await,
            Attempt::Wrong,
            "after {minutes} min"
        );
    }
}

#[tokio::test]
async fn a_right_code_resets_the_count() {
    let mut scene = Scene::new().await;
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Attempt::Wrong);
    }
    scene.env.clock.advance(MINUTE);
    assert_eq!(scene.try_wrong().await, Attempt::Wrong);
    assert_eq!(scene.try_right().await, Attempt::Throttled(120));
    scene.env.clock.advance(2 * MINUTE);
    assert_eq!(scene.try_right().await, Attempt::Right);
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Attempt::Wrong);
    }
    scene.sign_in().await;
    assert_eq!(scene.try_wrong().await, Attempt::Throttled(60));
}

#[tokio::test]
async fn wrong_codes_count_across_servers_and_kinds() {
    let scene = Scene::new().await;
    let other = scene.env.server(OLD_SECRET, "m=64,t=1,p=1");
    let wrong = wrong(&scene.app, &scene.env);
    for _ in 0..2 {
        assert_eq!(scene.try_code(&wrong).await, Attempt::Wrong);
        assert_eq!(scene.try_code_at(&other, &wrong).await, Attempt::Wrong);
    }
    let caller = other
        .identify(&scene.pending.access_token, &on_laptop())
        .await
        .unwrap();
    let guess = other.pass_recovery_code(&caller, "nothing like a code".into());
    assert_eq!(attempt(guess.await), Attempt::Wrong);
    assert_eq!(scene.try_right().await, Attempt::Throttled(60));
    let paper = &*scene.recovery_codes[0];
    let refused = other.pass_recovery_code(&caller, paper.into()).await;
    assert_eq!(attempt(refused), Attempt::Throttled(60));
}

#[tokio::test]
async fn a_code_is_valid_in_its_step_and_one_either_side() {
    for (steps, expected) in [
        (-2, Attempt::Wrong),
        (-1, Attempt::Right),
        (0, Attempt::Right),
        (1, Attempt::Right),
        (2, Attempt::Wrong),
    ] {
        let mut scene = Scene::new().await;
        // Long after the code that turned the second factor on.
        scene.env.clock.advance(HOUR);
        scene.sign_in().await;
        let time = seconds(&scene.env).checked_add_signed(steps * 30).unwrap();
        let code = scene.app.generate(time).to_string();
        assert_eq!(scene.try_code(&code).await, expected, "{steps}");
    }
}

#[tokio::test]
async fn a_step_is_valid_once_even_when_the_clock_is_set_back() {
    let mut scene = Scene::new().await;
    let used = scene.env.code(&scene.app);
    assert_eq!(scene.try_code(&used).await, Attempt::Right);
    scene.env.clock.advance(STEP);
    assert_eq!(scene.try_code(&used).await, Attempt::Wrong, "a step later");
    assert_eq!(scene.try_right().await, Attempt::Right);
    // The table does not grow without limit.
    for _ in 0..3 {
        scene.env.clock.advance(DAY + HOUR);
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Attempt::Right);
    }
    assert_eq!(scene.env.rows("used_totp_steps").await, 1);
}

#[tokio::test]
async fn one_of_many_concurrent_uses_of_a_code_succeeds() {
    for round in 0..5 {
        let scene = Scene::new().await;
        let code = scene.env.code(&scene.app);
        let paper = scene.recovery_codes[0].clone();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (accounts, code, paper) =
                    (scene.env.accounts.clone(), code.clone(), paper.clone());
                let token = scene.pending.access_token.clone();
                tokio::spawn(async move {
                    let caller = accounts.identify(&token, &on_laptop()).await.unwrap();
                    attempt(if round % 2 == 0 {
                        accounts.pass_totp(&caller, (&*code).into()).await
                    } else {
                        let pass = accounts.pass_recovery_code(&caller, (&*paper).into());
                        pass.await
                    })
                })
            })
            .collect();
        let mut right = 0;
        for task in tasks {
            right += usize::from(task.await.unwrap() == Attempt::Right);
        }
        assert_eq!(right, 1);
    }
}

#[tokio::test]
async fn a_pending_session_is_not_authorized_and_not_verified() {
    let scene = Scene::new().await;
    let env = &scene.env;
    let token = &*scene.pending.access_token;
    assert_eq!(env.authorize(token).await.err(), Some("otp"));
    let verified = env.accounts.verify(token.into()).await;
    assert!(matches!(verified, Err(Error::OtpRequired)), "{verified:?}");
    // Nor is it after it was refreshed.
    let mut refresh_token = scene.pending.refresh_token.clone();
    assert!(scene.pending.otp_required);
    for _ in 0..3 {
        env.clock.advance(3 * MINUTE);
        let pair = env.refresh(&refresh_token).await.unwrap();
        assert!(pair.otp_required);
        assert_eq!(env.authorize(&pair.access_token).await.err(), Some("otp"));
        refresh_token = pair.refresh_token;
    }
}

#[tokio::test]
async fn a_completed_second_factor_stays_completed_when_tokens_are_refreshed() {
    let scene = Scene::new().await;
    let env = &scene.env;
    let caller = env
        .accounts
        .identify(&scene.pending.access_token, &on_laptop())
        .await;
    let right = env.code(&scene.app);
    let passed = env
        .accounts
        .pass_totp(&caller.unwrap(), (&*right).into())
        .await;
    let mut pair = passed.unwrap();
    for _ in 0..3 {
        assert!(!pair.otp_required);
        env.clock.advance(2 * MINUTE);
        pair = env.refresh(&pair.refresh_token).await.unwrap();
        env.authorize(&pair.access_token).await.unwrap();
    }
    // The earlier refresh token is past its grace time, so it was stolen.
    let stolen = env.refresh(&scene.pending.refresh_token).await;
    assert_eq!(stolen.err(), Some("invalid"));
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
}

/// Codes of 75 bits, as an earlier version has issued them.
#[tokio::test]
async fn recovery_codes_of_earlier_versions_work() {
    let scene = Scene::new().await;
    let env = &scene.env;
    // SHA-256 of "recovery code 1", the user's id and the 15 digits.
    env.execute("DELETE FROM recovery_codes").await;
    let user = env.accounts.users("", 1).await.unwrap().remove(0);
    env.add_recovery_code(user.id, "k3v9t0m2xq8hd1r").await;
    let caller = env
        .accounts
        .identify(&scene.pending.access_token, &on_laptop())
        .await
        .unwrap();
    let pass = async |code: &str| {
        let passed = env.accounts.pass_recovery_code(&caller, code.into());
        attempt(passed.await)
    };
    assert_eq!(pass("K3V9T-0M2XQ-8HD1R").await, Attempt::Right);
    assert_eq!(pass("K3V9T-0M2XQ-8HD1R").await, Attempt::Wrong);
    for code in &scene.recovery_codes {
        assert_eq!(code.replace('-', "").len(), 24, "{code}");
    }
}

#[tokio::test]
async fn totp_secrets_move_to_the_new_master_secret() {
    let scene = Scene::new().await;
    let env = &scene.env;
    let cost = "m=64,t=1,p=1";
    let rotating = env.server(&format!("{NEW_SECRET},{OLD_SECRET}"), cost);
    let rotated = env.server(NEW_SECRET, cost);
    let sign_in = async |server: &Accounts| {
        let pair = server.login(EMAIL.into(), PASSWORD.into(), &laptop()).await;
        let token = pair.unwrap().tokens.access_token;
        server.identify(&token, &on_laptop()).await.unwrap()
    };
    // Until they are encrypted again, the old master secret is needed.
    let caller = sign_in(&rotated).await;
    let right = env.code(&scene.app);
    let refused = rotated.pass_totp(&caller, (&*right).into()).await;
    assert!(matches!(refused, Err(Error::Internal { .. })));

    assert_eq!(rotating.reencrypt_totp_secrets().await.unwrap(), 1);
    assert_eq!(rotating.reencrypt_totp_secrets().await.unwrap(), 0);
    let caller = sign_in(&rotated).await;
    let passed = rotated.pass_totp(&caller, (&*right).into()).await;
    assert_eq!(attempt(passed), Attempt::Right);
}

/// An app that is being set up while the master secret is replaced.
#[tokio::test]
async fn totp_secrets_that_are_being_set_up_move_as_well() {
    let env = TestEnv::with_verified_user().await;
    let cost = "m=64,t=1,p=1";
    let rotating = env.server(&format!("{NEW_SECRET},{OLD_SECRET}"), cost);
    let rotated = env.server(NEW_SECRET, cost);
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
    let app = authenticator(setup.unwrap().secret);

    rotating.reencrypt_totp_secrets().await.unwrap();
    let pair = rotated
        .login(EMAIL.into(), PASSWORD.into(), &laptop())
        .await;
    let caller = rotated
        .authorize(&pair.unwrap().tokens.access_token, &on_laptop())
        .await;
    let code = env.code(&app);
    let confirmed = rotated
        .confirm_totp(&caller.unwrap(), (&*code).into(), None)
        .await;
    confirmed.unwrap();
}

/// A device is signed out between the check of its token and the change that it requests.
#[tokio::test]
async fn a_caller_who_was_signed_out_in_the_meantime_changes_nothing() {
    let scene = Scene::new().await;
    let (env, accounts) = (&scene.env, &scene.env.accounts);
    let pending = accounts
        .identify(&scene.pending.access_token, &on_laptop())
        .await
        .unwrap();
    let right = env.code(&scene.app);
    let passed = accounts
        .pass_totp(&pending, (&*right).into())
        .await
        .unwrap();
    let caller = env.authorize(&passed.access_token).await.unwrap();
    env.emails().await;
    accounts.sign_out_user(EMAIL.into()).await.unwrap();

    let password = || PASSWORD.into();
    let new = "another good password";
    env.clock.advance(STEP);
    let later = env.code(&scene.app);
    let refused = [
        accounts.begin_totp(&caller, password()).await.err(),
        accounts.pass_totp(&pending, (&*later).into()).await.err(),
        accounts
            .replace_recovery_codes(&caller, password())
            .await
            .err(),
        accounts.delete_totp(&caller, password()).await.err(),
        accounts
            .change_password(&caller, password(), new.into())
            .await
            .err(),
        accounts
            .begin_email_change(&caller, "new@example.com".into(), password())
            .await
            .err(),
        accounts.delete_user(&caller, password()).await.err(),
    ];
    assert_eq!(
        refused.map(|error| error.map(crate::support::why)),
        [Some("invalid"); 7]
    );
    let emails = env.emails().await;
    assert!(emails.is_empty(), "{emails:?}");
    assert_eq!(env.rows("recovery_codes").await, 10);
}

/// Asking again soon returns the same secret, but only to the session that has asked before.
#[tokio::test]
async fn a_session_keeps_its_new_secret_for_ten_minutes() {
    let env = TestEnv::with_verified_user().await;
    let begin = async |pair: &TokenPair| {
        let caller = env.authorize(&pair.access_token).await.unwrap();
        let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
        setup.unwrap().secret
    };
    let pair = env.sign_in().await;
    let first = begin(&pair).await;
    env.clock.advance(10 * MINUTE - SECOND);
    assert_eq!(begin(&pair).await, first);
    env.clock.advance(SECOND);
    let second = begin(&pair).await;
    assert_ne!(second, first);
    let other = env.sign_in().await;
    let third = begin(&other).await;
    assert_ne!(third, second);
    assert_ne!(begin(&pair).await, third);

    // Clocks of servers differ by some seconds.
    let fourth = begin(&other).await;
    env.clock.set_back(30 * SECOND);
    assert_eq!(begin(&other).await, fourth);
}

/// Someone who knew the old password may have seen the secret.
#[tokio::test]
async fn a_new_password_ends_the_life_of_a_new_secret() {
    let env = TestEnv::with_verified_user().await;
    let new_password = "another good password";
    let caller = env.authorize(&env.sign_in().await.access_token).await;
    let caller = caller.unwrap();
    let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
    let first = setup.unwrap().secret;
    let changed = env
        .accounts
        .change_password(&caller, PASSWORD.into(), new_password.into())
        .await;
    let caller = env.authorize(&changed.unwrap().tokens.access_token).await;
    let setup = env
        .accounts
        .begin_totp(&caller.unwrap(), new_password.into())
        .await;
    assert_ne!(setup.unwrap().secret, first);
}

/// The secret of a finished setup is never returned again.
#[tokio::test]
async fn a_secret_in_use_is_not_returned_again() {
    let env = TestEnv::with_verified_user().await;
    let caller = env.authorize(&env.sign_in().await.access_token).await;
    let caller = caller.unwrap();
    let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
    let first = setup.unwrap().secret;
    let code = env.code(&authenticator(first.clone()));
    let confirmed = env
        .accounts
        .confirm_totp(&caller, (&*code).into(), None)
        .await;
    let caller = env.authorize(&confirmed.unwrap().0.access_token).await;
    let caller = caller.unwrap();
    let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
    assert_ne!(setup.unwrap().secret, first);
}

/// Somebody who knew the old password may have seen the secret.
#[tokio::test]
async fn a_new_password_ends_a_setup() {
    let env = TestEnv::with_verified_user().await;
    let accounts = &env.accounts;
    let begun = env.sign_in().await;
    let begun = env.authorize(&begun.access_token).await.unwrap();
    let setup = accounts.begin_totp(&begun, PASSWORD.into()).await;
    let app = authenticator(setup.unwrap().secret);
    let code = env.code(&app);
    let new = "another good password";
    let changed = accounts.change_password(&begun, PASSWORD.into(), new.into());
    let pair = changed.await.unwrap().tokens;
    let begun = env.authorize(&pair.access_token).await.unwrap();
    let confirmed = accounts.confirm_totp(&begun, (&*code).into(), None).await;
    let Err(Error::Fields(fields)) = confirmed else {
        panic!("{:?}", confirmed.map(drop));
    };
    let none = "Set up an authenticator app first, then enter its code.";
    assert_eq!(fields["code"], [none]);
}
