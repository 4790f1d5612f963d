//! Signing in with emailed codes: what ends them, and what the first proof of an address ends.

use std::time::Duration;

use accounts::{Accounts, EmailProof, Error, SignedIn};

use crate::support::{EMAIL, MINUTE, PASSWORD, SECOND, TestEnv, laptop, on_laptop, why};

const EVE: &str = "eve@example.com";
const OTHER: &str = "another good password";
const SUBJECT: &str = "Your code to sign in";
const LIFE: Duration = Duration::from_secs(10 * 60);
const INCORRECT: &str = "Incorrect code, or it no longer works. Request a new one.";

/// A user whose first email has been taken.
async fn env_with_user() -> TestEnv {
    let env = TestEnv::with_verified_user().await;
    env.emails().await;
    env
}

/// Requests a code. Returns the flow.
async fn request(accounts: &Accounts, email: &str) -> String {
    let device = laptop();
    let requested = accounts.request_sign_in_code(email.into(), None, &device);
    requested.await.unwrap()
}

/// Requests a code. Returns the flow and the code from the email.
async fn flow_and_code(env: &TestEnv, email: &str) -> (String, String) {
    let flow = request(&env.accounts, email).await;
    (flow, sent_code(env, email).await.unwrap())
}

/// The code of the only email that is sent, if there is one.
async fn sent_code(env: &TestEnv, email: &str) -> Option<String> {
    let mut emails = env.emails().await;
    assert!(emails.len() <= 1, "{emails:?}");
    let sent = emails.pop()?;
    assert_eq!(
        (&*sent.to, &*sent.subject, &*sent.token),
        (email, SUBJECT, "")
    );
    assert_eq!(sent.code.trim().len(), "1234 5678".len());
    Some(sent.code)
}

async fn confirm(
    accounts: &Accounts,
    flow: &str,
    email: &str,
    code: &str,
) -> Result<SignedIn, Error> {
    let device = laptop();
    let confirmed = accounts.confirm_sign_in_code(Some(flow), email.into(), code.into(), &device);
    confirmed.await
}

/// A code that does not work gets the same error, for whatever reason.
#[track_caller]
fn assert_refused(result: Result<SignedIn, Error>) {
    let Err(Error::Fields(fields)) = result else {
        panic!("it was not refused");
    };
    assert_eq!(fields.keys().collect::<Vec<_>>(), [&"code"]);
    assert_eq!(fields["code"], [INCORRECT]);
}

/// A code that is not this one.
fn another(code: &str) -> &'static str {
    if code.starts_with('0') {
        "11111111"
    } else {
        "00000000"
    }
}

async fn amr(env: &TestEnv, token: &str) -> Vec<String> {
    let claims = env.accounts.verify(token.into()).await.unwrap();
    claims.amr.iter().map(ToString::to_string).collect()
}

async fn login(env: &TestEnv, password: &str) -> Result<SignedIn, &'static str> {
    let device = laptop();
    let login = env.accounts.login(EMAIL.into(), password.into(), &device);
    login.await.map_err(why)
}

#[tokio::test]
async fn a_code_signs_in_once() {
    let env = env_with_user().await;
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let signed_in = confirm(&env.accounts, &flow, "ADA@example.com", &code).await;
    let pair = signed_in.unwrap().tokens;
    assert!(!pair.otp_required);
    assert_eq!(amr(&env, &pair.access_token).await, ["mca"]);
    let renewed = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(amr(&env, &renewed.access_token).await, ["mca"]);
    assert_refused(confirm(&env.accounts, &flow, EMAIL, &code).await);
    assert_eq!(env.rows("sign_in_codes").await, 0);
    // The password and its sessions stay.
    let pair = login(&env, PASSWORD).await.unwrap().tokens;
    assert_eq!(amr(&env, &pair.access_token).await, ["pwd"]);
}

#[tokio::test]
async fn a_code_works_for_ten_minutes() {
    for (passed, works) in [(LIFE - SECOND, true), (LIFE, false)] {
        let env = env_with_user().await;
        let (flow, code) = flow_and_code(&env, EMAIL).await;
        env.clock.advance(passed);
        let result = confirm(&env.accounts, &flow, EMAIL, &code).await;
        if works {
            result.unwrap();
        } else {
            assert_refused(result);
        }
    }
    let env = env_with_user().await;
    flow_and_code(&env, EMAIL).await;
    env.clock.advance(LIFE);
    env.accounts.clean_up().await.unwrap();
    assert_eq!(env.rows("sign_in_codes").await, 0);
}

#[tokio::test]
async fn five_wrong_codes_end_the_right_one() {
    for wrong in [4, 5] {
        let env = env_with_user().await;
        let (flow, code) = flow_and_code(&env, EMAIL).await;
        // Those of another flow don't count.
        for _ in 0..10 {
            assert_refused(confirm(&env.accounts, "another flow", EMAIL, &code).await);
        }
        for _ in 0..wrong {
            assert_refused(confirm(&env.accounts, &flow, EMAIL, another(&code)).await);
        }
        let result = confirm(&env.accounts, &flow, EMAIL, &code).await;
        if wrong == 4 {
            result.unwrap();
        } else {
            assert_refused(result);
            // The next code has its own five.
            env.clock.advance(2 * MINUTE);
            let (flow, code) = flow_and_code(&env, EMAIL).await;
            confirm(&env.accounts, &flow, EMAIL, &code).await.unwrap();
        }
    }
}

#[tokio::test]
async fn concurrent_guesses_are_all_counted() {
    let env = env_with_user().await;
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let guess = || confirm(&env.accounts, &flow, EMAIL, another(&code));
    let (a, b, c, d, e) = tokio::join!(guess(), guess(), guess(), guess(), guess());
    for result in [a, b, c, d, e] {
        assert_refused(result);
    }
    assert_refused(confirm(&env.accounts, &flow, EMAIL, &code).await);
}

#[tokio::test]
async fn one_of_concurrent_confirmations_wins() {
    let env = env_with_user().await;
    let elsewhere = env.server_elsewhere().await;
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let here = || confirm(&env.accounts, &flow, EMAIL, &code);
    let there = || confirm(&elsewhere, &flow, EMAIL, &code);
    let (a, b, c, d) = tokio::join!(here(), there(), here(), there());
    let mut right = 0;
    for result in [a, b, c, d] {
        if result.is_ok() {
            right += 1;
        } else {
            assert_refused(result);
        }
    }
    assert_eq!((right, env.rows("sessions").await), (1, 1));
}

#[tokio::test]
async fn a_code_belongs_to_its_flow_and_its_address() {
    let env = env_with_user().await;
    let device = laptop();
    let registered = env.accounts.register(EVE.into(), OTHER.into(), &device);
    registered.await.unwrap();
    env.verify_users().await;
    env.emails().await;
    let (of_ada, adas) = flow_and_code(&env, EMAIL).await;
    let (of_eve, eves) = flow_and_code(&env, EVE).await;
    for (flow, email, code) in [
        (&of_eve, EMAIL, &adas),
        (&of_eve, EVE, &adas),
        (&of_eve, EMAIL, &eves),
        (&of_ada, EVE, &eves),
    ] {
        assert_refused(confirm(&env.accounts, flow, email, code).await);
    }
    let pair = confirm(&env.accounts, &of_ada, EMAIL, &adas).await.unwrap();
    let caller = env.authorize(&pair.tokens.access_token).await.unwrap();
    assert_eq!(&*caller.user().email, EMAIL);
    // Nor is a flow an emailed link, or says whether there is an account.
    for flow in [of_eve, request(&env.accounts, "nobody@example.com").await] {
        let Err(Error::Fields(fields)) = env.accounts.link(Some(&flow)).await else {
            panic!("it is no link");
        };
        assert!(fields.contains_key("token"));
    }
}

#[tokio::test]
async fn a_request_that_is_not_sent_changes_nothing() {
    let env = env_with_user().await;
    let (first, code) = flow_and_code(&env, EMAIL).await;
    env.clock.advance(MINUTE);
    let second = request(&env.accounts, EMAIL).await;
    assert_eq!(sent_code(&env, EMAIL).await, None);
    assert_refused(confirm(&env.accounts, &second, EMAIL, &code).await);
    confirm(&env.accounts, &first, EMAIL, &code).await.unwrap();
}

#[tokio::test]
async fn a_new_code_replaces_the_one_before() {
    let env = env_with_user().await;
    let (first, old) = flow_and_code(&env, EMAIL).await;
    env.clock.advance(2 * MINUTE);
    let (second, new) = flow_and_code(&env, EMAIL).await;
    assert_refused(confirm(&env.accounts, &first, EMAIL, &old).await);
    confirm(&env.accounts, &second, EMAIL, &new).await.unwrap();
}

#[tokio::test]
async fn a_known_device_has_an_allowance_of_its_own() {
    let env = env_with_user().await;
    let tokens = login(&env, PASSWORD).await.unwrap().device_tokens;
    let device = laptop().with_device_tokens(tokens);
    request(&env.accounts, EMAIL).await;
    assert!(sent_code(&env, EMAIL).await.is_some());
    let flow = env
        .accounts
        .request_sign_in_code(EMAIL.into(), None, &device);
    let flow = flow.await.unwrap();
    let code = sent_code(&env, EMAIL).await.unwrap();
    confirm(&env.accounts, &flow, EMAIL, &code).await.unwrap();
}

#[tokio::test]
async fn no_code_for_inactive_or_unknown_addresses() {
    let env = env_with_user().await;
    for (email, sql) in [
        ("nobody@example.com", "UPDATE users SET is_active = TRUE"),
        (EMAIL, "UPDATE users SET is_active = FALSE"),
    ] {
        env.execute(sql).await;
        let flow = request(&env.accounts, email).await;
        assert_eq!(sent_code(&env, email).await, None);
        assert_refused(confirm(&env.accounts, &flow, email, "12345678").await);
        assert_eq!(env.rows("sign_in_codes").await, 0);
    }
    // Nor does one work that was sent before.
    env.execute("UPDATE users SET is_active = TRUE").await;
    env.clock.advance(2 * MINUTE);
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    env.execute("UPDATE users SET is_active = FALSE").await;
    assert_refused(confirm(&env.accounts, &flow, EMAIL, &code).await);
}

#[tokio::test]
async fn registrations_that_wait_get_no_code() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    let device = laptop();
    let registered = server.register(EMAIL.into(), PASSWORD.into(), &device);
    registered.await.unwrap();
    let link = env.token_to(EMAIL).await;
    let flow = request(&server, EMAIL).await;
    assert_eq!(sent_code(&env, EMAIL).await, None);
    assert_refused(confirm(&server, &flow, EMAIL, "12345678").await);
    let proof = EmailProof::token(&link);
    let device = laptop();
    let activated = server.activate(proof, PASSWORD.into(), None, &device);
    activated.await.unwrap();
    let flow = request(&server, EMAIL).await;
    let code = sent_code(&env, EMAIL).await.unwrap();
    confirm(&server, &flow, EMAIL, &code).await.unwrap();
}

/// Somebody has registered with an address that is not theirs, in an earlier version even with a second factor.
#[tokio::test]
async fn the_first_proof_of_an_address_ends_what_was_set_up_before() {
    let env = TestEnv::with_user().await;
    env.turn_on_second_factor().await;
    env.execute("UPDATE users SET email_verified = FALSE").await;
    env.emails().await;
    let pair = login(&env, PASSWORD).await.unwrap().tokens;
    let device = laptop();
    let reset = env.accounts.reset_password(EMAIL.into(), None, &device);
    reset.await.unwrap();
    let reset = env.token_to(EMAIL).await;

    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let signed_in = confirm(&env.accounts, &flow, EMAIL, &code).await.unwrap();
    assert!(!signed_in.tokens.otp_required);
    let caller = env.authorize(&signed_in.tokens.access_token).await.unwrap();
    assert!(caller.user().email_verified && !caller.user().otp_enabled);
    assert_eq!(env.rows("sessions").await, 1);
    assert_eq!(env.rows("recovery_codes").await, 0);
    assert_eq!(
        env.authorize(&pair.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(login(&env, PASSWORD).await.err(), Some("wrong credentials"));
    assert_eq!(login(&env, "!").await.err(), Some("wrong credentials"));
    // Links that were sent before are invalid, and a new one gives the account a password.
    let choose = async |link: &str| {
        let proof = EmailProof::token(link);
        env.accounts
            .confirm_reset(proof, OTHER.into(), &laptop())
            .await
    };
    assert_eq!(choose(&reset).await.err().map(why), Some("fields"));
    env.clock.advance(2 * MINUTE);
    let device = laptop();
    let reset = env.accounts.reset_password(EMAIL.into(), None, &device);
    reset.await.unwrap();
    choose(&env.token_to(EMAIL).await).await.unwrap();
    login(&env, OTHER).await.unwrap();
}

#[tokio::test]
async fn the_second_factor_is_still_to_be_completed() {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.emails().await;
    env.clock.advance(MINUTE);
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let pair = confirm(&env.accounts, &flow, EMAIL, &code)
        .await
        .unwrap()
        .tokens;
    assert!(pair.otp_required);
    assert_eq!(env.authorize(&pair.access_token).await.err(), Some("otp"));
    let caller = env
        .accounts
        .identify(&pair.access_token, &on_laptop())
        .await;
    let passed = env
        .accounts
        .pass_totp(&caller.unwrap(), Some(&env.code(&app)))
        .await;
    let pair = passed.unwrap();
    assert_eq!(amr(&env, &pair.access_token).await, ["mca", "otp"]);
    let renewed = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(amr(&env, &renewed.access_token).await, ["mca", "otp"]);
}

#[tokio::test]
async fn a_new_password_or_address_ends_a_code() {
    let env = env_with_user().await;
    let caller = async || {
        let pair = env.sign_in().await;
        env.authorize(&pair.access_token).await.unwrap()
    };
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let (password, caller_now) = (PASSWORD.into(), caller().await);
    let changed = env
        .accounts
        .change_password(&caller_now, password, PASSWORD.into());
    changed.await.unwrap();
    env.emails().await;
    assert_refused(confirm(&env.accounts, &flow, EMAIL, &code).await);

    env.clock.advance(2 * MINUTE);
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let caller_now = caller().await;
    let change = env
        .accounts
        .begin_email_change(&caller_now, EVE.into(), PASSWORD.into());
    change.await.unwrap();
    let link = env.token_to(EVE).await;
    let (proof, device) = (EmailProof::token(&link), laptop());
    let changed = env
        .accounts
        .confirm_email_change(proof, PASSWORD.into(), None, &device);
    changed.await.unwrap();
    for email in [EMAIL, EVE] {
        assert_refused(confirm(&env.accounts, &flow, email, &code).await);
    }
}

#[tokio::test]
async fn the_audit_log_says_how_a_session_was_started() {
    let env = env_with_user().await;
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    assert_refused(confirm(&env.accounts, &flow, EMAIL, another(&code)).await);
    env.accounts.write_failed_sign_ins().await;
    env.clock.advance(SECOND);
    let pair = confirm(&env.accounts, &flow, EMAIL, &code)
        .await
        .unwrap()
        .tokens;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let events = env.accounts.activity(&caller).await.unwrap();
    let mut names: Vec<_> = events.iter().map(|event| &*event.event).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "registered",
            "sign_in_code_failed",
            "sign_in_code_requested",
            "sign_in_code_used",
            "signed_in"
        ]
    );
}

#[tokio::test]
async fn a_sign_in_on_a_new_device_is_announced() {
    let env = env_with_user().await;
    login(&env, PASSWORD).await.unwrap();
    let (flow, code) = flow_and_code(&env, EMAIL).await;
    let phone = accounts::Device::new([192, 0, 2, 7].into(), "Phone");
    let (email, code) = (EMAIL.into(), Some(&*code));
    let confirmed = env
        .accounts
        .confirm_sign_in_code(Some(&flow), email, code, &phone);
    // It is a known one from now on.
    assert!(confirmed.await.unwrap().device_tokens.is_some());
    let emails = env.emails().await;
    let subjects: Vec<_> = emails.iter().map(|email| &*email.subject).collect();
    assert_eq!(subjects, ["New sign-in to your account"]);
}
