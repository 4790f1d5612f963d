//! Several authenticator apps of a user.

use std::time::Duration;

use accounts::{Accounts, Authorized, Error};
use totp_rs::Totp;

use crate::support::{
    EMAIL, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, TestEnv, authenticator, laptop, on_laptop,
};

const STEP: Duration = Duration::from_secs(30);

/// A user whose second factor is on.
struct Scene {
    env: TestEnv,
    first: Totp,
}

impl Scene {
    async fn new() -> Self {
        let env = TestEnv::with_user().await;
        let (first, _) = env.turn_on_second_factor().await;
        env.clock.advance(STEP);
        Self { env, first }
    }

    /// Whether a code of this app signs in. Each needs a step of its own.
    async fn accepts(&self, app: &Totp) -> bool {
        self.sign_in_at(&self.env.accounts, app).await.is_ok()
    }

    async fn sign_in_at(&self, server: &Accounts, app: &Totp) -> Result<Authorized, Error> {
        let signed_in = server.login(EMAIL.into(), PASSWORD.into(), &laptop()).await;
        let token = signed_in.unwrap().tokens.access_token;
        let caller = server.identify(&token, &on_laptop()).await.unwrap();
        let code = self.env.code(app);
        let passed = server.pass_totp(&caller, (&*code).into()).await;
        self.env.clock.advance(STEP);
        server.authorize(&passed?.access_token, &on_laptop()).await
    }

    /// A caller who has passed the second factor, with a step of its own.
    async fn caller(&self) -> Authorized {
        self.sign_in_at(&self.env.accounts, &self.first)
            .await
            .unwrap()
    }

    async fn begin(&self, caller: &Authorized) -> Totp {
        let setup = self.env.accounts.begin_totp(caller, PASSWORD.into()).await;
        authenticator(setup.unwrap().secret)
    }

    async fn add(&self, caller: &Authorized, name: Option<&str>) -> Totp {
        let app = self.begin(caller).await;
        let code = self.env.code(&app);
        let added = self.env.accounts.add_totp(caller, (&*code).into(), name);
        added.await.unwrap();
        self.env.clock.advance(STEP);
        app
    }

    async fn remove(&self, caller: &Authorized, id: &str) -> Result<(), Error> {
        let accounts = &self.env.accounts;
        accounts
            .remove_totp(caller, id.into(), PASSWORD.into())
            .await
    }

    /// The names of the apps, and whether each was used after its first code.
    async fn apps(&self, caller: &Authorized) -> Vec<(String, bool)> {
        let apps = self.env.accounts.authenticator_apps(caller).await.unwrap();
        apps.iter()
            .map(|app| (app.name().to_owned(), app.last_used_at.is_some()))
            .collect()
    }

    async fn ids(&self, caller: &Authorized) -> Vec<String> {
        let apps = self.env.accounts.authenticator_apps(caller).await.unwrap();
        apps.iter().map(|app| app.id.to_string()).collect()
    }
}

fn named(name: &str, is_used: bool) -> (String, bool) {
    (name.to_owned(), is_used)
}

#[tokio::test]
async fn a_code_of_any_app_is_valid_and_each_step_once() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let second = scene.add(&caller, Some("Tablet")).await;
    let expected = [named("Authenticator app", true), named("Tablet", false)];
    assert_eq!(scene.apps(&caller).await, expected);
    assert!(scene.accepts(&second).await);
    assert!(scene.accepts(&scene.first).await);
    let expected = [named("Authenticator app", true), named("Tablet", true)];
    assert_eq!(scene.apps(&caller).await, expected);

    // Both codes belong to the same step.
    assert!(scene.accepts(&second).await);
    scene.env.clock.set_back(STEP);
    assert!(!scene.accepts(&scene.first).await);

    // The first code of a new app uses up its step as well.
    let third = scene.begin(&caller).await;
    let code = scene.env.code(&third);
    let added = scene.env.accounts.add_totp(&caller, (&*code).into(), None);
    added.await.unwrap();
    assert!(!scene.accepts(&second).await);
    assert!(scene.accepts(&second).await);
}

#[tokio::test]
async fn the_oldest_other_app_takes_the_place_of_the_first() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let second = scene.add(&caller, Some("Tablet")).await;
    let third = scene.add(&caller, Some("Key")).await;
    let ids = scene.ids(&caller).await;
    scene.remove(&caller, &ids[0]).await.unwrap();
    assert_eq!(scene.ids(&caller).await, ids[1..]);
    let expected = [named("Tablet", false), named("Key", false)];
    assert_eq!(scene.apps(&caller).await, expected);
    for (app, is_valid) in [(&scene.first, false), (&second, true), (&third, true)] {
        assert_eq!(scene.accepts(app).await, is_valid);
    }
    // Then it is removed as the first, and the last one stays.
    let (tablet, key) = (Some(&*ids[1]), Some(&*ids[2]));
    let accounts = &scene.env.accounts;
    for (id, name) in [(tablet, "Phone"), (key, "Ring")] {
        accounts.rename_totp(&caller, id, Some(name)).await.unwrap();
    }
    let expected = [named("Phone", true), named("Ring", true)];
    assert_eq!(scene.apps(&caller).await, expected);
    scene.remove(&caller, &ids[1]).await.unwrap();
    assert_eq!(scene.apps(&caller).await, [named("Ring", true)]);
    let refused = scene.remove(&caller, &ids[2]).await;
    assert!(matches!(refused, Err(Error::Conflict(_))));
    assert!(scene.accepts(&third).await);
}

#[tokio::test]
async fn of_two_apps_that_are_removed_at_once_one_stays() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let second = scene.add(&caller, None).await;
    let ids = scene.ids(&caller).await;
    let (one, two) = tokio::join!(
        scene.remove(&caller, &ids[0]),
        scene.remove(&caller, &ids[1])
    );
    assert_ne!(one.is_ok(), two.is_ok());
    assert_eq!(scene.ids(&caller).await.len(), 1);
    assert_eq!(scene.accepts(&scene.first).await, two.is_ok());
    assert_eq!(scene.accepts(&second).await, one.is_ok());
}

#[tokio::test]
async fn one_of_many_concurrent_additions_of_an_app_succeeds() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let app = scene.begin(&caller).await;
    let code = scene.env.code(&app);
    let add = || scene.env.accounts.add_totp(&caller, (&*code).into(), None);
    let added = tokio::join!(add(), add(), add(), add());
    let added = [added.0, added.1, added.2, added.3];
    assert_eq!(added.iter().filter(|added| added.is_ok()).count(), 1);
    assert_eq!(scene.ids(&caller).await.len(), 2);
}

#[tokio::test]
async fn wrong_codes_of_a_new_app_count_as_those_at_sign_in() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let app = scene.begin(&caller).await;
    let add = async |code: &str| {
        let added = scene.env.accounts.add_totp(&caller, code.into(), None);
        added.await.err()
    };
    let wrong = scene
        .env
        .code(&authenticator("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into()));
    for _ in 0..5 {
        assert!(matches!(add(&wrong).await, Some(Error::Fields(_))));
    }
    let right = scene.env.code(&app);
    let refused = add(&right).await;
    assert!(matches!(refused, Some(Error::Throttled(time)) if time == MINUTE));
    assert!(!scene.accepts(&scene.first).await);
    scene.env.clock.advance(MINUTE);
    let right = scene.env.code(&app);
    assert!(add(&right).await.is_none());
}

#[tokio::test]
async fn secrets_of_all_apps_move_to_the_new_master_secret() {
    let scene = Scene::new().await;
    let caller = scene.caller().await;
    let second = scene.add(&caller, None).await;
    let third = scene.add(&caller, None).await;
    let cost = "m=64,t=1,p=1";
    let rotating = scene
        .env
        .server(&format!("{NEW_SECRET},{OLD_SECRET}"), cost);
    let rotated = scene.env.server(NEW_SECRET, cost);
    assert_eq!(rotating.reencrypt_totp_secrets().await.unwrap(), 3);
    assert_eq!(rotating.reencrypt_totp_secrets().await.unwrap(), 0);
    for app in [&third, &scene.first, &second] {
        scene.sign_in_at(&rotated, app).await.unwrap();
    }
}

/// While servers are replaced one after the other, and after going back to the version before.
#[tokio::test]
async fn the_version_before_and_this_one_share_the_tables() {
    const TURN_ON: &str = "UPDATE second_factors SET seed = new_seed, new_seed = NULL";
    let env = TestEnv::before_migration("0047").await;
    let device = laptop();
    let created = env
        .accounts
        .register(EMAIL.into(), PASSWORD.into(), &device);
    created.await.unwrap();
    env.verify_users().await;
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let setup = env.accounts.begin_totp(&caller, PASSWORD.into()).await;
    let first = authenticator(setup.unwrap().secret);
    env.execute(TURN_ON).await;
    env.execute("UPDATE users SET otp_enabled = TRUE").await;
    env.run_migrations(|name| name.starts_with("0047")).await;

    // The app works, and has the user's id.
    let scene = Scene { env, first };
    let caller = scene.caller().await;
    assert_eq!(
        scene.apps(&caller).await,
        [named("Authenticator app", true)]
    );
    let id = scene.env.id_of(EMAIL).await;
    assert_eq!(scene.ids(&caller).await, [&*id]);
    let accounts = &scene.env.accounts;
    let renamed = accounts.rename_totp(&caller, Some(&*id), Some("Phone"));
    renamed.await.unwrap();
    let second = scene.add(&caller, Some("Tablet")).await;
    let expected = [named("Phone", true), named("Tablet", false)];
    assert_eq!(scene.apps(&caller).await, expected);

    // The version before replaces the app, and knows of no others.
    let replacement = scene.begin(&caller).await;
    scene.env.execute(TURN_ON).await;
    assert_eq!(
        scene.apps(&caller).await,
        [named("Authenticator app", false)]
    );
    assert!(!scene.accepts(&second).await);
    assert!(!scene.accepts(&scene.first).await);
    assert!(scene.accepts(&replacement).await);

    // It encrypts the secret again, which changes nothing about the apps.
    let scene = Scene {
        first: replacement,
        ..scene
    };
    let caller = scene.caller().await;
    scene.add(&caller, Some("Tablet")).await;
    scene.begin(&caller).await;
    scene
        .env
        .execute("UPDATE second_factors SET seed = substr(seed, 2)")
        .await;
    assert_eq!(scene.ids(&caller).await.len(), 2);

    // It turns the second factor off.
    let off = "UPDATE second_factors SET seed = NULL, new_seed = NULL";
    scene.env.execute(off).await;
    assert_eq!(scene.ids(&caller).await.len(), 0);
}
