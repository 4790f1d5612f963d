//! Devices that are trusted after a code of the authenticator app, and what ends that.

use std::time::Duration;

use accounts::{Authorized, Clock, Device, SignedIn, TokenPair};
use totp_rs::Totp;

use crate::support::{DAY, EMAIL, MINUTE, PASSWORD, SECOND, TestEnv, laptop, why};

const OTHER: &str = "another good password";
const STEP: Duration = Duration::from_secs(30);

/// A user with a second factor.
struct Scene {
    env: TestEnv,
    app: Totp,
}

impl Scene {
    async fn new() -> Self {
        let env = TestEnv::with_user().await;
        let (app, _) = env.turn_on_second_factor().await;
        Self { env, app }
    }

    async fn login(&self, password: &str, device: &Device) -> SignedIn {
        let login = self
            .env
            .accounts
            .login(EMAIL.into(), password.into(), device);
        login.await.unwrap()
    }

    /// Signs in with password and code, and trusts the device. Returns it, and its tokens.
    async fn trust(&self) -> (Device, TokenPair) {
        self.env.clock.advance(STEP);
        let signed_in = self.login(PASSWORD, &laptop()).await;
        assert!(signed_in.tokens.otp_required);
        let device = laptop().with_device_tokens(signed_in.device_tokens);
        let token = &signed_in.tokens.access_token;
        let accounts = &self.env.accounts;
        let caller = accounts.identify(token, &device.clone().into()).await;
        let (caller, code) = (caller.unwrap(), self.env.code(&self.app));
        let trusted = accounts.pass_totp_and_trust(&caller, Some(&code));
        let SignedIn {
            tokens,
            device_tokens,
        } = trusted.await.unwrap();
        (laptop().with_device_tokens(device_tokens), tokens)
    }

    /// Whether signing in on a device with this password takes a code.
    async fn takes_code(&self, password: &str, device: &Device) -> bool {
        self.login(password, device).await.tokens.otp_required
    }

    async fn caller(&self, pair: &TokenPair) -> Authorized {
        self.env.authorize(&pair.access_token).await.unwrap()
    }

    async fn amr(&self, pair: &TokenPair) -> Vec<String> {
        let claims = self.env.accounts.verify(Some(&pair.access_token)).await;
        claims
            .unwrap()
            .amr
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

#[tokio::test]
async fn a_trusted_device_takes_no_code_for_thirty_days() {
    let scene = Scene::new().await;
    let (mut device, pair) = scene.trust().await;
    assert_eq!(scene.amr(&pair).await, ["pwd", "otp"]);
    for _ in 0..2 {
        scene.env.clock.advance(10 * DAY);
        let signed_in = scene.login(PASSWORD, &device).await;
        assert!(!signed_in.tokens.otp_required);
        assert_eq!(scene.amr(&signed_in.tokens).await, ["pwd", "rba"]);
        let renewed = scene.env.refresh(&signed_in.tokens.refresh_token).await;
        assert_eq!(scene.amr(&renewed.unwrap()).await, ["pwd", "rba"]);
        // What the device stores is new, and still trusted.
        device = laptop().with_device_tokens(signed_in.device_tokens);
    }
    scene.env.clock.advance(10 * DAY - SECOND);
    assert!(!scene.takes_code(PASSWORD, &device).await);
    scene.env.clock.advance(SECOND);
    assert!(scene.takes_code(PASSWORD, &device).await);
    scene.env.accounts.clean_up().await.unwrap();
    assert_eq!(scene.env.rows("trusted_devices").await, 0);
}

#[tokio::test]
async fn no_other_device_is_trusted() {
    let scene = Scene::new().await;
    scene.trust().await;
    let known = scene.login(PASSWORD, &laptop()).await.device_tokens;
    let known = laptop().with_device_tokens(known);
    for device in [laptop(), known] {
        assert!(scene.takes_code(PASSWORD, &device).await);
    }
}

#[tokio::test]
async fn trust_counts_for_its_account_only() {
    let scene = Scene::new().await;
    let (device, _) = scene.trust().await;
    let accounts = &scene.env.accounts;
    let eve = "eve@example.com";
    accounts
        .register(eve.into(), PASSWORD.into(), &device)
        .await
        .unwrap();
    scene
        .env
        .execute("UPDATE users SET otp_enabled = TRUE")
        .await;
    let pair = accounts.login(eve.into(), PASSWORD.into(), &device).await;
    assert!(pair.unwrap().tokens.otp_required);
}

/// The last proof of the second factor was the code. What needs a recent sign-in needs a new one.
#[tokio::test]
async fn a_sign_in_without_a_code_is_as_old_as_the_code() {
    let scene = Scene::new().await;
    let (device, _) = scene.trust().await;
    let given_at = scene.env.clock.now().unix_seconds();
    scene.env.clock.advance(DAY);
    let pair = scene.login(PASSWORD, &device).await.tokens;
    let claims = async |pair: &TokenPair| {
        let claims = scene.env.accounts.verify(Some(&pair.access_token)).await;
        claims.unwrap().auth_time
    };
    assert_eq!(claims(&pair).await, Some(given_at));
    let caller = scene.caller(&pair).await;
    let code = scene.env.code(&scene.app);
    let again = scene
        .env
        .accounts
        .reauthenticate(&caller, PASSWORD.into(), Some(&code));
    let pair = again.await.unwrap();
    assert_eq!(scene.amr(&pair).await, ["pwd", "otp"]);
    let day = i64::try_from(DAY.as_secs()).unwrap();
    assert_eq!(claims(&pair).await, Some(given_at + day));
}

#[tokio::test]
async fn the_list_of_devices_says_until_when_one_is_trusted() {
    let scene = Scene::new().await;
    let (_, pair) = scene.trust().await;
    let until = scene.env.clock.now().plus(30 * DAY);
    let sessions = scene
        .env
        .accounts
        .sessions(&scene.caller(&pair).await)
        .await;
    let trusted: Vec<_> = sessions
        .unwrap()
        .iter()
        .map(|session| session.trusted_until)
        .collect();
    assert_eq!(trusted, [Some(until), None]);
    let exported = scene.env.accounts.export(&scene.caller(&pair).await).await;
    let exported = exported.unwrap();
    assert_eq!(exported.trusted_devices.len(), 1);
    assert_eq!(exported.trusted_devices[0].expires_at, until);
}

#[tokio::test]
async fn signing_out_keeps_the_trust() {
    let scene = Scene::new().await;
    let (device, pair) = scene.trust().await;
    let caller = scene.caller(&pair).await;
    scene.env.accounts.logout(&caller).await.unwrap();
    assert!(!scene.takes_code(PASSWORD, &device).await);
}

#[tokio::test]
async fn revoking_the_session_ends_the_trust() {
    let scene = Scene::new().await;
    let (device, first) = scene.trust().await;
    // The session that has used the trust last stands for the device.
    let pair = scene.login(PASSWORD, &device).await.tokens;
    let (caller, accounts) = (scene.caller(&pair).await, &scene.env.accounts);
    let earlier = scene.caller(&first).await.session_id.to_string();
    accounts.revoke(&caller, Some(&earlier)).await.unwrap();
    assert!(!scene.takes_code(PASSWORD, &device).await);
    let sessions = accounts.sessions(&caller).await.unwrap();
    let trusted = sessions
        .iter()
        .find(|session| session.trusted_until.is_some());
    let id = trusted.unwrap().id.to_string();
    accounts.revoke(&caller, Some(&id)).await.unwrap();
    assert!(scene.takes_code(PASSWORD, &device).await);
}

#[tokio::test]
async fn all_devices_can_be_forgotten() {
    let scene = Scene::new().await;
    let (device, pair) = scene.trust().await;
    let caller = scene.caller(&pair).await;
    for _ in 0..2 {
        let forgotten = scene.env.accounts.forget_trusted_devices(&caller);
        forgotten.await.unwrap();
    }
    assert!(scene.takes_code(PASSWORD, &device).await);
    scene.caller(&pair).await;
    let events = scene.env.accounts.activity(&caller).await.unwrap();
    let count = |name| events.iter().filter(|event| event.event == name).count();
    assert_eq!(count("device_trusted"), 1);
    assert_eq!(count("trusted_devices_forgotten"), 1);
}

#[tokio::test]
async fn a_new_password_or_signing_out_everywhere_ends_the_trust() {
    let scene = Scene::new().await;
    let accounts = &scene.env.accounts;
    let (device, pair) = scene.trust().await;
    let caller = scene.caller(&pair).await;
    accounts.logout_all(&caller).await.unwrap();
    assert!(scene.takes_code(PASSWORD, &device).await);

    let (device, pair) = scene.trust().await;
    let caller = scene.caller(&pair).await;
    let changed = accounts.change_password(&caller, PASSWORD.into(), OTHER.into());
    changed.await.unwrap();
    assert!(scene.takes_code(OTHER, &device).await);
    assert_eq!(scene.env.rows("trusted_devices").await, 0);
}

#[tokio::test]
async fn another_second_factor_ends_the_trust() {
    let scene = Scene::new().await;
    let accounts = &scene.env.accounts;
    let (device, pair) = scene.trust().await;
    let caller = scene.caller(&pair).await;
    let off = accounts
        .delete_totp(&caller, PASSWORD.into())
        .await
        .unwrap();
    assert!(!off.otp_required);
    assert_eq!(scene.env.rows("trusted_devices").await, 0);
    scene.env.clock.advance(MINUTE);
    scene.env.turn_on_second_factor().await;
    assert!(scene.takes_code(PASSWORD, &device).await);
}

#[tokio::test]
async fn trusting_takes_a_right_code() {
    let scene = Scene::new().await;
    scene.env.clock.advance(STEP);
    let pair = scene.login(PASSWORD, &laptop()).await.tokens;
    let accounts = &scene.env.accounts;
    let device = laptop().into();
    let caller = accounts
        .identify(&pair.access_token, &device)
        .await
        .unwrap();
    let trusted = accounts
        .pass_totp_and_trust(&caller, "000000x".into())
        .await;
    assert_eq!(trusted.err().map(why), Some("fields"));
    assert_eq!(scene.env.rows("trusted_devices").await, 0);
}
