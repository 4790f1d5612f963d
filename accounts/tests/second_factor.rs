//! One-time codes over time.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::time::Duration;

use accounts::{Accounts, Clock, Error, TokenPair};
use stage::{
    DAY, EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, authenticator,
    laptop, on_laptop,
};
use totp_rs::Totp;

const STEP: Duration = Duration::from_secs(30);

/// A user with a second factor, and a device that has it still to pass.
struct Scene {
    stage: TestEnv,
    app: Totp,
    recovery_codes: Vec<String>,
    half: TokenPair,
}

/// What came of a code.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Right,
    Wrong,
    Throttled(u64),
}

impl Scene {
    async fn new() -> Self {
        let stage = TestEnv::with_user().await;
        let (app, recovery_codes) = stage.turn_on_second_factor().await;
        // The code of this step is used now.
        stage.clock.advance(STEP);
        let half = stage.sign_in().await;
        Self {
            stage,
            app,
            recovery_codes,
            half,
        }
    }

    async fn try_code(&self, code: &str) -> Came {
        self.try_code_at(&self.stage.accounts, code).await
    }

    async fn try_code_at(&self, server: &Accounts, code: &str) -> Came {
        let caller = server
            .identify(&self.half.access_token, &on_laptop())
            .await
            .unwrap();
        came(server.pass_totp(&caller, code.into()).await)
    }

    async fn try_right(&self) -> Came {
        self.try_code(&self.stage.code(&self.app)).await
    }

    async fn try_wrong(&self) -> Came {
        self.try_code(&wrong(&self.app, &self.stage)).await
    }

    /// Signs in anew, as an access token lives for minutes only.
    async fn sign_in(&mut self) {
        self.half = self.stage.sign_in().await;
    }
}

fn came(result: Result<TokenPair, Error>) -> Came {
    match result {
        Ok(_) => Came::Right,
        Err(Error::Fields(_)) => Came::Wrong,
        Err(Error::Throttled(time)) => Came::Throttled(time.as_secs()),
        Err(other) => panic!("{other}"),
    }
}

fn seconds(stage: &TestEnv) -> u64 {
    stage.clock.now().unix_seconds().try_into().unwrap()
}

fn wrong(app: &Totp, stage: &TestEnv) -> String {
    let good: Vec<_> = [-30, 0, 30]
        .map(|offset| seconds(stage).checked_add_signed(offset).unwrap())
        .map(|time| app.generate(time).to_string())
        .into();
    let mut codes = (0..).map(|number| format!("{number:06}"));
    codes.find(|code| !good.contains(code)).unwrap()
}

#[tokio::test]
async fn blocks_double_to_an_hour() {
    let mut scene = Scene::new().await;
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Came::Wrong);
    }
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        let block = minutes * MINUTE;
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Came::Throttled(block.as_secs()));
        scene.stage.clock.advance(block - SECOND);
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Came::Throttled(1));
        assert_eq!(scene.try_wrong().await, Came::Throttled(1));
        // Then one guess is free.
        scene.stage.clock.advance(SECOND);
        assert_eq!(scene.try_wrong().await, Came::Wrong, "after {minutes} min");
    }
}

#[tokio::test]
async fn a_right_code_resets_the_count() {
    let mut scene = Scene::new().await;
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Came::Wrong);
    }
    scene.stage.clock.advance(MINUTE);
    assert_eq!(scene.try_wrong().await, Came::Wrong);
    assert_eq!(scene.try_right().await, Came::Throttled(120));
    scene.stage.clock.advance(2 * MINUTE);
    assert_eq!(scene.try_right().await, Came::Right);
    for _ in 0..5 {
        assert_eq!(scene.try_wrong().await, Came::Wrong);
    }
    scene.sign_in().await;
    assert_eq!(scene.try_wrong().await, Came::Throttled(60));
}

#[tokio::test]
async fn wrong_codes_count_across_servers_and_kinds() {
    let scene = Scene::new().await;
    let other = scene.stage.server(OLD_SECRET, "m=64,t=1,p=1");
    let wrong = wrong(&scene.app, &scene.stage);
    for _ in 0..2 {
        assert_eq!(scene.try_code(&wrong).await, Came::Wrong);
        assert_eq!(scene.try_code_at(&other, &wrong).await, Came::Wrong);
    }
    let caller = other
        .identify(&scene.half.access_token, &on_laptop())
        .await
        .unwrap();
    let guess = other.pass_recovery_code(&caller, "nothing like a code".into());
    assert_eq!(came(guess.await), Came::Wrong);
    assert_eq!(scene.try_right().await, Came::Throttled(60));
    let paper = &*scene.recovery_codes[0];
    let refused = other.pass_recovery_code(&caller, paper.into()).await;
    assert_eq!(came(refused), Came::Throttled(60));
}

#[tokio::test]
async fn a_code_is_good_in_its_step_and_one_either_side() {
    for (steps, expected) in [
        (-2, Came::Wrong),
        (-1, Came::Right),
        (0, Came::Right),
        (1, Came::Right),
        (2, Came::Wrong),
    ] {
        let mut scene = Scene::new().await;
        // Far from the code that turned it on.
        scene.stage.clock.advance(HOUR);
        scene.sign_in().await;
        let time = seconds(&scene.stage)
            .checked_add_signed(steps * 30)
            .unwrap();
        let code = scene.app.generate(time).to_string();
        assert_eq!(scene.try_code(&code).await, expected, "{steps}");
    }
}

#[tokio::test]
async fn a_step_is_good_once_even_when_the_clock_is_set_back() {
    let mut scene = Scene::new().await;
    let used = scene.stage.code(&scene.app);
    assert_eq!(scene.try_code(&used).await, Came::Right);
    scene.stage.clock.advance(STEP);
    assert_eq!(scene.try_code(&used).await, Came::Wrong, "a step later");
    assert_eq!(scene.try_right().await, Came::Right);
    // For hours, others are used; the table does not grow without end.
    for _ in 0..3 {
        scene.stage.clock.advance(DAY + HOUR);
        scene.sign_in().await;
        assert_eq!(scene.try_right().await, Came::Right);
    }
    assert_eq!(scene.stage.rows("used_totp_steps").await, 1);
}

#[tokio::test]
async fn one_of_many_uses_of_a_code_wins() {
    for round in 0..5 {
        let scene = Scene::new().await;
        let code = scene.stage.code(&scene.app);
        let paper = scene.recovery_codes[0].clone();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (accounts, code, paper) =
                    (scene.stage.accounts.clone(), code.clone(), paper.clone());
                let token = scene.half.access_token.clone();
                tokio::spawn(async move {
                    let caller = accounts.identify(&token, &on_laptop()).await.unwrap();
                    came(if round % 2 == 0 {
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
            right += usize::from(task.await.unwrap() == Came::Right);
        }
        assert_eq!(right, 1);
    }
}

#[tokio::test]
async fn what_is_half_signed_in_is_neither_authorized_nor_good_for_others() {
    let scene = Scene::new().await;
    let stage = &scene.stage;
    let token = &*scene.half.access_token;
    assert_eq!(stage.authorize(token).await.err(), Some("otp"));
    let verified = stage.accounts.verify(token.into()).await;
    assert!(matches!(verified, Err(Error::OtpRequired)), "{verified:?}");
    // However long it goes on like that.
    let mut refresh_token = scene.half.refresh_token.clone();
    for _ in 0..3 {
        stage.clock.advance(HOUR);
        let pair = stage.refresh(&refresh_token).await.unwrap();
        assert_eq!(stage.authorize(&pair.access_token).await.err(), Some("otp"));
        refresh_token = pair.refresh_token;
    }
}

#[tokio::test]
async fn a_passed_session_stays_passed_when_it_is_renewed() {
    let scene = Scene::new().await;
    let stage = &scene.stage;
    let caller = stage
        .accounts
        .identify(&scene.half.access_token, &on_laptop())
        .await;
    let right = stage.code(&scene.app);
    let passed = stage
        .accounts
        .pass_totp(&caller.unwrap(), (&*right).into())
        .await;
    let mut pair = passed.unwrap();
    for _ in 0..3 {
        stage.clock.advance(HOUR);
        pair = stage.refresh(&pair.refresh_token).await.unwrap();
        stage.authorize(&pair.access_token).await.unwrap();
    }
    // The refresh token from before is past its grace: it was stolen.
    let stolen = stage.refresh(&scene.half.refresh_token).await;
    assert_eq!(stolen.err(), Some("invalid"));
    assert_eq!(
        stage.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
}

#[tokio::test]
async fn seeds_move_to_the_new_master_secret() {
    let scene = Scene::new().await;
    let stage = &scene.stage;
    let cost = "m=64,t=1,p=1";
    let rotating = stage.server(&format!("{NEW_SECRET},{OLD_SECRET}"), cost);
    let rotated = stage.server(NEW_SECRET, cost);
    let sign_in = async |server: &Accounts| {
        let pair = server.login(EMAIL.into(), PASSWORD.into(), &laptop()).await;
        let token = pair.unwrap().tokens.access_token;
        server.identify(&token, &on_laptop()).await.unwrap()
    };
    // Before they are sealed anew, the old secret is needed.
    let caller = sign_in(&rotated).await;
    let right = stage.code(&scene.app);
    let refused = rotated.pass_totp(&caller, (&*right).into()).await;
    assert!(matches!(refused, Err(Error::Internal(_))));

    assert_eq!(rotating.reseal_seeds().await.unwrap(), 1);
    assert_eq!(rotating.reseal_seeds().await.unwrap(), 0);
    let caller = sign_in(&rotated).await;
    let passed = rotated.pass_totp(&caller, (&*right).into()).await;
    assert_eq!(came(passed), Came::Right);
}

/// An app that is being set up while the master secret is replaced.
#[tokio::test]
async fn seeds_that_are_being_set_up_move_as_well() {
    let stage = TestEnv::with_user().await;
    let cost = "m=64,t=1,p=1";
    let rotating = stage.server(&format!("{NEW_SECRET},{OLD_SECRET}"), cost);
    let rotated = stage.server(NEW_SECRET, cost);
    let pair = stage.sign_in().await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let setup = stage.accounts.begin_totp(&caller, PASSWORD.into()).await;
    let app = authenticator(setup.unwrap().secret);

    rotating.reseal_seeds().await.unwrap();
    let pair = rotated
        .login(EMAIL.into(), PASSWORD.into(), &laptop())
        .await;
    let caller = rotated
        .authorize(&pair.unwrap().tokens.access_token, &on_laptop())
        .await;
    let code = stage.code(&app);
    let confirmed = rotated
        .confirm_totp(&caller.unwrap(), (&*code).into())
        .await;
    confirmed.unwrap();
}

/// Between the look at its token and the change that it asks for, a device is signed out.
#[tokio::test]
async fn who_was_signed_out_meanwhile_changes_nothing() {
    let scene = Scene::new().await;
    let (stage, accounts) = (&scene.stage, &scene.stage.accounts);
    let half = accounts
        .identify(&scene.half.access_token, &on_laptop())
        .await
        .unwrap();
    let right = stage.code(&scene.app);
    let passed = accounts.pass_totp(&half, (&*right).into()).await.unwrap();
    let caller = stage.authorize(&passed.access_token).await.unwrap();
    stage.mails().await;
    accounts.sign_out_user(EMAIL.into()).await.unwrap();

    let password = || PASSWORD.into();
    let new = "another good password";
    stage.clock.advance(STEP);
    let later = stage.code(&scene.app);
    let refused = [
        accounts.begin_totp(&caller, password()).await.err(),
        accounts.pass_totp(&half, (&*later).into()).await.err(),
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
        refused.map(|error| error.map(stage::why)),
        [Some("invalid"); 7]
    );
    let mails = stage.mails().await;
    assert!(mails.is_empty(), "{mails:?}");
    assert_eq!(stage.rows("recovery_codes").await, 10);
}
