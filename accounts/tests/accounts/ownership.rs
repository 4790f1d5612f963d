//! What someone else has prepared with an email address does not outlive the first proof of it, and a
//! hostile change of the address can be taken back.

use accounts::{Accounts, Authorized, Device, EmailProof, Enrolling, Error};

use crate::support::{DAY, EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, why};

const NEW_EMAIL: &str = "lovelace@example.com";
const OTHER: &str = "another good password";

async fn login(accounts: &Accounts, email: &str, password: &str) -> Option<&'static str> {
    let device = laptop();
    let login = accounts.login(email.into(), password.into(), &device);
    login.await.err().map(why)
}

async fn caller(env: &TestEnv) -> Authorized {
    let pair = env.sign_in().await;
    env.authorize(&pair.access_token).await.unwrap()
}

#[tokio::test]
async fn an_unverified_address_counts_for_nothing() {
    let env = TestEnv::with_user().await;
    let (accounts, caller) = (&env.accounts, caller(&env).await);
    let refused = [
        accounts.begin_totp(&caller, PASSWORD.into()).await.err(),
        accounts
            .confirm_totp(&caller, "123456".into(), None)
            .await
            .err(),
        accounts
            .begin_email_change(&caller, NEW_EMAIL.into(), PASSWORD.into())
            .await
            .err(),
    ];
    let refused = refused.map(|error| error.map(why));
    assert_eq!(refused, [Some("unverified"); 3]);
    // Nor is it emailed about anything but links.
    env.emails().await;
    let changed = accounts.change_password(&caller, PASSWORD.into(), OTHER.into());
    changed.await.unwrap();
    let pair = accounts.login(EMAIL.into(), OTHER.into(), &laptop()).await;
    let caller = env.authorize(&pair.unwrap().tokens.access_token).await;
    accounts
        .delete_user(&caller.unwrap(), OTHER.into())
        .await
        .unwrap();
    let emails = env.emails().await;
    assert!(emails.is_empty(), "{emails:?}");
}

/// An account of an earlier version, in which a second factor needed no verified address.
#[tokio::test]
async fn a_reset_of_an_unverified_account_removes_what_was_set_up_before() {
    for verified in [false, true] {
        let env = TestEnv::with_user().await;
        env.turn_on_second_factor().await;
        if !verified {
            env.execute("UPDATE users SET email_verified = FALSE").await;
        }
        env.emails().await;
        let accounts = &env.accounts;
        accounts
            .reset_password(EMAIL.into(), None, &laptop())
            .await
            .unwrap();
        let token = env.token_to(EMAIL).await;
        let proof = EmailProof::token(&token);
        accounts
            .confirm_reset(proof, OTHER.into(), &laptop())
            .await
            .unwrap();
        assert_eq!(env.rows("sessions").await, 0);
        let signed_in = accounts.login(EMAIL.into(), OTHER.into(), &laptop()).await;
        let allowed = env.authorize(&signed_in.unwrap().tokens.access_token).await;
        assert_eq!(allowed.err(), verified.then_some("otp"));
        let codes = if verified { 10 } else { 0 };
        assert_eq!(env.rows("recovery_codes").await, codes);
    }
}

#[tokio::test]
async fn a_session_of_the_account_verifies_and_no_other() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let token = env.token_to(EMAIL).await;
    let eve = "eve@example.com";
    accounts
        .register(eve.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
    let pair = accounts
        .login(eve.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
    let eve = env.authorize(&pair.tokens.access_token).await.unwrap();
    let proof = EmailProof::token(&token);
    let open =
        async |caller: Option<&Enrolling>| accounts.activate(proof, None, caller, &laptop()).await;
    for caller in [None, Some(&*eve)] {
        let Err(Error::Fields(fields)) = open(caller).await else {
            panic!("it needs a password");
        };
        assert_eq!(fields["password"], ["This field is required."]);
    }
    let owner = caller(&env).await;
    open(Some(&owner)).await.unwrap();
}

/// Changes the address of the only user. Returns the token that takes it back.
async fn change_email(env: &TestEnv, from: &str, to: &str) -> String {
    let accounts = &env.accounts;
    let pair = accounts
        .login(from.into(), PASSWORD.into(), &laptop())
        .await;
    let caller = env
        .authorize(&pair.unwrap().tokens.access_token)
        .await
        .unwrap();
    let begun = accounts.begin_email_change(&caller, to.into(), PASSWORD.into());
    begun.await.unwrap();
    let token = env.token_to(to).await;
    let proof = EmailProof::token(&token);
    let device = laptop();
    let confirmed = accounts.confirm_email_change(proof, PASSWORD.into(), None, &device);
    confirmed.await.unwrap();
    env.clock.advance(HOUR);
    env.token_to(from).await
}

async fn undo(env: &TestEnv, token: &str) -> Result<(), Error> {
    env.accounts
        .undo_email_change(token.into(), &laptop())
        .await
}

#[tokio::test]
async fn a_change_is_taken_back_with_everything_that_came_with_it() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let accounts = &env.accounts;
    let token = change_email(&env, EMAIL, NEW_EMAIL).await;
    // The thief goes on: another address, a second factor, a new password.
    change_email(&env, NEW_EMAIL, "evil@example.com").await;
    let pair = accounts
        .login("evil@example.com".into(), PASSWORD.into(), &laptop())
        .await;
    let caller = env
        .authorize(&pair.unwrap().tokens.access_token)
        .await
        .unwrap();
    let setup = accounts.begin_totp(&caller, PASSWORD.into()).await.unwrap();
    let code = env.code(&crate::support::authenticator(setup.secret));
    let confirmed = accounts.confirm_totp(&caller, (&*code).into(), None).await;
    let (pair, _) = confirmed.unwrap();
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let changed = accounts.change_password(&caller, PASSWORD.into(), OTHER.into());
    changed.await.unwrap();
    env.emails().await;

    undo(&env, &token).await.unwrap();
    undo(&env, &token).await.unwrap();
    assert_eq!(env.rows("sessions").await, 0);
    for password in [PASSWORD, OTHER, "!", ""] {
        let login = login(accounts, EMAIL, &format!("{password} ")).await;
        assert_eq!(login, Some("wrong credentials"));
    }
    let reset = env.token_to(EMAIL).await;
    let proof = EmailProof::token(&reset);
    accounts
        .confirm_reset(proof, PASSWORD.into(), &laptop())
        .await
        .unwrap();
    caller_without_second_factor(&env).await;
}

async fn caller_without_second_factor(env: &TestEnv) {
    let caller = caller(env).await;
    assert_eq!(&*caller.user().email, EMAIL);
    assert!(!caller.user().otp_enabled);
}

#[tokio::test]
async fn the_old_address_is_reserved_while_the_change_can_be_taken_back() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let accounts = &env.accounts;
    let token = change_email(&env, EMAIL, NEW_EMAIL).await;
    let register = async || {
        let device = laptop();
        let registered = accounts.register(EMAIL.into(), OTHER.into(), &device).await;
        registered.map(drop)
    };
    assert!(matches!(register().await, Err(Error::Fields(_))));
    // Nor can it be reached by way of a registration that waits.
    let server = env.server_with_activation();
    server
        .register(EMAIL.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
    let activation = env.token_to(EMAIL).await;
    let proof = EmailProof::token(&activation);
    let activated = server.activate(proof, OTHER.into(), None, &laptop()).await;
    assert!(matches!(activated, Err(Error::Fields(_))));
    // Nor by changing another account's address.
    let eve = "eve@example.com";
    accounts
        .register(eve.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
    env.verify_users().await;
    let pair = accounts
        .login(eve.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
    let eve = env.authorize(&pair.tokens.access_token).await.unwrap();
    let taken = accounts
        .begin_email_change(&eve, EMAIL.into(), OTHER.into())
        .await;
    assert!(matches!(taken, Err(Error::Fields(_))));

    env.clock.advance(7 * DAY - HOUR - SECOND);
    assert!(register().await.is_err());
    env.clock.advance(SECOND);
    assert!(undo(&env, &token).await.is_err());
    register().await.unwrap();
}

#[tokio::test]
async fn a_change_by_a_session_with_a_second_factor_can_not_be_taken_back() {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.emails().await;
    let accounts = &env.accounts;
    env.clock.advance(MINUTE);
    let pair = env.sign_in().await;
    let laptop_device = crate::support::on_laptop();
    let pending = accounts
        .identify(&pair.access_token, &laptop_device)
        .await
        .unwrap();
    let code = env.code(&app);
    let pair = accounts.pass_totp(&pending, (&*code).into()).await.unwrap();
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let begun = accounts.begin_email_change(&caller, NEW_EMAIL.into(), PASSWORD.into());
    begun.await.unwrap();
    let token = env.token_to(NEW_EMAIL).await;
    let proof = EmailProof::token(&token);
    let device = laptop();
    let confirmed = accounts.confirm_email_change(proof, None, Some(&caller), &device);
    confirmed.await.unwrap();
    let emails = env.emails().await;
    assert_eq!(emails.len(), 1, "{emails:?}");
    assert_eq!((&*emails[0].to, &*emails[0].token), (EMAIL, ""));
    // So the address is free.
    accounts
        .register(EMAIL.into(), OTHER.into(), &laptop())
        .await
        .unwrap();
}

#[tokio::test]
async fn emails_of_a_purpose_to_an_address_are_limited() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let other_server = env.server_without_throttling();
    let ask = async |caller: Option<&Enrolling>| {
        let mut sent = 0;
        for server in [&env.accounts, &other_server] {
            for _ in 0..3 {
                let asked = server.reset_password(EMAIL.into(), caller, &laptop()).await;
                asked.unwrap();
            }
            sent += env.emails().await.len();
        }
        sent
    };
    // One in two minutes, and five an hour.
    let mut sent = Vec::new();
    for _ in 0..7 {
        sent.push(ask(None).await);
        env.clock.advance(2 * MINUTE);
    }
    assert_eq!(sent, [1, 1, 1, 1, 1, 0, 0]);
    // A session of the account has a budget of its own.
    let caller = caller(&env).await;
    assert_eq!(ask(Some(&caller)).await, 1);
    assert_eq!(ask(Some(&caller)).await, 0);
    // After ten in a day, one an hour.
    env.clock.advance(HOUR);
    let mut sent = Vec::new();
    for _ in 0..60 {
        sent.push(ask(None).await);
        env.clock.advance(2 * MINUTE);
    }
    assert_eq!(sent[..5], [1; 5]);
    let later: Vec<_> = (5..60).filter(|number| sent[*number] == 1).collect();
    assert_eq!(later, [34]);
    // And all over again a day later.
    env.clock.advance(DAY);
    assert_eq!(ask(None).await, 1);
    assert_eq!(env.rows("email_limits").await, 3);
    env.clock.advance(DAY);
    env.accounts.clean_up().await.unwrap();
    assert_eq!(env.rows("email_limits").await, 0);
}

/// A request that is not sent changes nothing.
#[tokio::test]
async fn the_first_link_still_works_after_many_requests() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let accounts = &env.accounts;
    let ask = async || {
        let device = laptop();
        accounts
            .reset_password(EMAIL.into(), None, &device)
            .await
            .unwrap();
    };
    ask().await;
    let first = env.token_to(EMAIL).await;
    for _ in 0..60 {
        ask().await;
    }
    assert!(env.emails().await.is_empty());
    let proof = EmailProof::token(&first);
    accounts
        .confirm_reset(proof, OTHER.into(), &laptop())
        .await
        .unwrap();
    assert_eq!(login(accounts, EMAIL, OTHER).await, None);
}

#[tokio::test]
async fn the_deletion_of_an_account_is_announced() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let caller = caller(&env).await;
    env.accounts
        .delete_user(&caller, PASSWORD.into())
        .await
        .unwrap();
    let emails = env.emails().await;
    assert_eq!(emails.len(), 1);
    assert_eq!(emails[0].subject, "Your account was deleted");
    assert_eq!(emails[0].to, EMAIL);
}

#[tokio::test]
async fn a_sign_in_from_an_unknown_network_is_announced() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let sign_in = async |device: Device| {
        let signed_in = accounts.login(EMAIL.into(), PASSWORD.into(), &device).await;
        let emails = env.emails().await;
        let subjects = emails
            .iter()
            .map(|email| email.subject.clone())
            .collect::<Vec<_>>();
        (signed_in.unwrap().device_tokens, subjects)
    };
    let at = |ip: &str| Device::new(ip.parse().unwrap(), "Phone/2.0");
    env.emails().await;
    let none: Vec<String> = Vec::new();
    // An unverified address receives links only.
    assert_eq!(sign_in(at("192.0.2.1")).await.1, none);
    assert_eq!(sign_in(at("192.0.2.2")).await.1, none);
    env.verify_users().await;
    let (tokens, subjects) = sign_in(at("192.0.2.3")).await;
    assert_eq!(subjects, ["New sign-in to your account"]);
    // The network is known now, also when the sessions have ended.
    env.execute("DELETE FROM sessions").await;
    assert_eq!(sign_in(at("192.0.2.3")).await.1, none);
    // So is the device, wherever it is.
    let moved = at("192.0.2.4").with_device_tokens(tokens);
    assert_eq!(sign_in(moved).await.1, none);
    assert_eq!(sign_in(at("192.0.2.5")).await.1.len(), 1);
    // A wrong password is announced to nobody.
    let wrong = accounts
        .login(EMAIL.into(), OTHER.into(), &at("192.0.2.6"))
        .await;
    assert!(wrong.is_err());
    assert!(env.emails().await.is_empty());
}

/// Registering is not followed by the announcement of one's own sign-in.
#[tokio::test]
async fn the_first_sign_in_is_not_announced() {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    let device = Device::new("192.0.2.9".parse().unwrap(), "");
    let signed_in = env
        .accounts
        .login(EMAIL.into(), PASSWORD.into(), &device)
        .await;
    signed_in.unwrap();
    assert!(env.emails().await.is_empty());
}
