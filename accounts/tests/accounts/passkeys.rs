//! Passkeys over time.

use crate::support::{
    DAY, MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop,
    soft_passkey::{SoftPasskey, USER_PRESENT, USER_VERIFIED},
    why,
};
use accounts::TokenPair;
use serde_json::Value;

/// A user with a verified email address, a session, and a passkey.
struct Scene {
    env: TestEnv,
    pair: TokenPair,
    passkey: SoftPasskey,
}

fn passkey(seed: u8) -> SoftPasskey {
    SoftPasskey {
        origin: "https://accounts.example.com".into(),
        rp_id: "accounts.example.com".into(),
        ..SoftPasskey::new(seed)
    }
}

impl Scene {
    async fn new() -> Self {
        let env = TestEnv::with_verified_user().await;
        let pair = env.sign_in().await;
        let mut scene = Self {
            env,
            pair,
            passkey: passkey(1),
        };
        let options = scene.begin(PASSWORD.into()).await.unwrap();
        let credential = scene.passkey.create(&options);
        scene.add(&credential).await.unwrap();
        scene
    }

    async fn begin(&self, password: Option<&str>) -> Result<Value, &'static str> {
        let caller = self.env.authorize(&self.pair.access_token).await?;
        let begun = self.env.accounts.begin_passkey(&caller, password).await;
        begun.map_err(why)
    }

    async fn add(&self, credential: &Value) -> Result<(), &'static str> {
        let caller = self.env.authorize(&self.pair.access_token).await?;
        let name = Some("Laptop");
        let added = self.env.accounts.add_passkey(&caller, credential, name);
        added.await.map(drop).map_err(why)
    }

    fn options(&self) -> Value {
        self.env.accounts.begin_passkey_login().unwrap()
    }

    async fn sign_in_with(&self, credential: &Value) -> Result<TokenPair, &'static str> {
        let device = laptop();
        let signed_in = self.env.accounts.passkey_login(credential, None, &device);
        signed_in.await.map_err(why)
    }
}

#[tokio::test]
async fn a_challenge_is_valid_for_five_minutes() {
    let mut scene = Scene::new().await;
    let (clock, passkey) = (scene.env.clock.clone(), scene.passkey.clone());
    let early = passkey.sign(&scene.options());
    let late = passkey.sign(&scene.options());
    clock.advance(5 * MINUTE - SECOND);
    assert!(scene.sign_in_with(&early).await.is_ok());
    clock.advance(SECOND);
    let refused = scene.sign_in_with(&late).await;
    assert_eq!(refused.err(), Some("wrong credentials"));

    scene.pair = scene.env.sign_in().await;
    let options = scene.begin(PASSWORD.into()).await.unwrap();
    let [early, late] = [2, 3].map(|seed| self::passkey(seed).create(&options));
    clock.advance(5 * MINUTE - SECOND);
    assert_eq!(scene.add(&early).await, Ok(()));
    clock.advance(SECOND);
    assert_eq!(scene.add(&late).await, Err("fields"));
}

/// The row of a used challenge is deleted only when the challenge has long expired.
#[tokio::test]
async fn used_challenges_are_forgotten_after_they_have_expired() {
    let scene = Scene::new().await;
    let credential = scene.passkey.sign(&scene.options());
    assert!(scene.sign_in_with(&credential).await.is_ok());
    assert_eq!(scene.env.rows("used_passkey_challenges").await, 2);
    scene.env.clock.advance(9 * MINUTE);
    scene.env.accounts.clean_up().await.unwrap();
    assert_eq!(scene.env.rows("used_passkey_challenges").await, 2);
    scene.env.clock.advance(MINUTE);
    scene.env.accounts.clean_up().await.unwrap();
    assert_eq!(scene.env.rows("used_passkey_challenges").await, 0);
    let replayed = scene.sign_in_with(&credential).await;
    assert_eq!(replayed.err(), Some("wrong credentials"));
}

#[tokio::test]
async fn a_passkey_stands_for_the_password_for_five_minutes() {
    let mut scene = Scene::new().await;
    let credential = scene.passkey.sign(&scene.options());
    scene.pair = scene.sign_in_with(&credential).await.unwrap();
    scene.env.clock.advance(5 * MINUTE);
    assert!(scene.begin(None).await.is_ok());
    scene.env.clock.advance(SECOND);
    assert_eq!(scene.begin(None).await.err(), Some("fields"));
    assert!(scene.begin(PASSWORD.into()).await.is_ok());
}

/// A session that lacks the second factor lives for ten minutes; a passkey makes it one of ninety days.
#[tokio::test]
async fn completing_a_session_extends_it() {
    let scene = Scene::new().await;
    scene.env.turn_on_second_factor().await;
    let pending = scene.env.sign_in().await;
    let caller = scene
        .env
        .accounts
        .identify(&pending.access_token, &on_laptop())
        .await
        .unwrap();
    let credential = scene.passkey.sign(&scene.options());
    let completed = scene
        .env
        .accounts
        .passkey_login(&credential, Some(&caller), &laptop())
        .await
        .unwrap();
    assert!(!completed.otp_required);
    scene.env.clock.advance(DAY);
    let renewed = scene.env.refresh(&completed.refresh_token).await.unwrap();
    assert!(scene.env.authorize(&renewed.access_token).await.is_ok());
}

/// The key that stands in for unknown passkeys is known to everyone.
#[tokio::test]
async fn nobody_signs_in_with_the_key_that_belongs_to_nobody() {
    let scene = Scene::new().await;
    // Its private key is 1.
    let mut scalar = [0; 32];
    scalar[31] = 1;
    let decoy = SoftPasskey {
        user_handle: scene.passkey.user_handle.clone(),
        origin: scene.passkey.origin.clone(),
        rp_id: scene.passkey.rp_id.clone(),
        flags: USER_PRESENT | USER_VERIFIED,
        ..SoftPasskey::with_key(&scalar)
    };
    let refused = scene.sign_in_with(&decoy.sign(&scene.options())).await;
    assert_eq!(refused.err(), Some("wrong credentials"));
}
