//! The language of emails: that of the user, as it was last stated.

use accounts::{Device, EmailProof};
use languages::Language::{self, English, French, German};
use serde_json::json;

use crate::support::{DAY, EMAIL, PASSWORD, TestEnv, laptop, on_laptop};

const ROOT: &str = "root@example.com";
const HOME: &str = "192.0.2.1";
const ABROAD: &str = "192.0.2.2";

fn at(ip: &str) -> Device {
    Device::new(ip.parse().unwrap(), "Phone/2.0")
}

/// Registers a user by a client that states this language.
async fn with_user(language: Option<Language>) -> TestEnv {
    let env = TestEnv::new().await;
    let device = laptop();
    let registered = env
        .accounts
        .register(EMAIL.into(), PASSWORD.into(), &device);
    languages::scope(language, registered).await.unwrap();
    env
}

/// Signs in by a client that states this language.
async fn sign_in(env: &TestEnv, language: Option<Language>, ip: &str) {
    let device = at(ip);
    let login = env.accounts.login(EMAIL.into(), PASSWORD.into(), &device);
    languages::scope(language, login).await.unwrap();
}

/// Requests a new password by a client that states this language.
async fn reset(env: &TestEnv, language: Option<Language>) {
    // There is a limit on such emails.
    env.clock.advance(DAY);
    let device = laptop();
    let requested = env.accounts.reset_password(EMAIL.into(), None, &device);
    languages::scope(language, requested).await.unwrap();
}

/// Sends all waiting emails. Returns what the languages of their HTML and their subjects are.
async fn sent(env: &TestEnv) -> Vec<(String, String)> {
    let emails = env.emails().await.into_iter();
    emails
        .map(|email| (email.language, email.subject))
        .collect()
}

fn email(language: &str, subject: &str) -> Vec<(String, String)> {
    vec![(language.to_owned(), subject.to_owned())]
}

/// The email of a reset in this language.
fn reset_in(language: Language) -> Vec<(String, String)> {
    let subject = match language {
        English => "Choose a new password",
        German => "Wählen Sie ein neues Passwort",
        French => "Choisissez un nouveau mot de passe",
    };
    email(language.code(), subject)
}

#[tokio::test]
async fn a_user_gets_emails_in_the_language_of_the_registration() {
    let env = with_user(Some(German)).await;
    let activation = email("de", "Bestätigen Sie Ihre E-Mail-Adresse");
    assert_eq!(sent(&env).await, activation);
    // Whatever anyone else states who only knows the address.
    for stated in [None, Some(French)] {
        reset(&env, stated).await;
        assert_eq!(sent(&env).await, reset_in(German), "{stated:?}");
    }
}

#[tokio::test]
async fn without_a_language_of_the_user_that_of_the_request_counts() {
    let env = with_user(None).await;
    assert_eq!(sent(&env).await, email("en", "Confirm your email address"));
    for (stated, expected) in [(Some(French), French), (None, English)] {
        reset(&env, stated).await;
        assert_eq!(sent(&env).await, reset_in(expected));
    }
}

#[tokio::test]
async fn a_sign_in_changes_the_language_if_it_states_one() {
    let env = with_user(Some(German)).await;
    env.emails().await;
    for (stated, expected) in [
        (None, German),
        (Some(French), French),
        (None, French),
        (Some(English), English),
    ] {
        sign_in(&env, stated, HOME).await;
        reset(&env, None).await;
        assert_eq!(sent(&env).await, reset_in(expected), "{stated:?}");
    }
}

#[tokio::test]
async fn a_password_alone_does_not_change_it_where_there_is_a_second_factor() {
    let env = with_user(Some(German)).await;
    let (app, _) = env.turn_on_second_factor().await;
    env.emails().await;
    // The code of this step is used.
    env.clock.advance(DAY);
    let device = laptop();
    let login = env.accounts.login(EMAIL.into(), PASSWORD.into(), &device);
    let signed_in = languages::scope(Some(French), login).await.unwrap();
    assert_eq!(env.rows("users WHERE language = 'de'").await, 1);

    let token = signed_in.tokens.access_token;
    let pending = env.accounts.identify(&token, &on_laptop()).await.unwrap();
    let code = env.code(&app);
    let passed = env.accounts.pass_totp(&pending, (&*code).into());
    languages::scope(Some(French), passed).await.unwrap();
    assert_eq!(env.rows("users WHERE language = 'fr'").await, 1);
}

/// A thief of the password must not choose the language in which the user is warned.
#[tokio::test]
async fn a_sign_in_on_a_new_device_is_announced_in_the_language_from_before() {
    let env = with_user(Some(German)).await;
    env.verify_users().await;
    sign_in(&env, None, HOME).await;
    env.emails().await;
    sign_in(&env, Some(French), ABROAD).await;
    let announced = email("de", "Neue Anmeldung bei Ihrem Konto");
    assert_eq!(sent(&env).await, announced);
}

#[tokio::test]
async fn a_registration_that_waits_keeps_its_language() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    let device = laptop();
    let registered = server.register(EMAIL.into(), PASSWORD.into(), &device);
    languages::scope(Some(German), registered).await.unwrap();
    let activation = email("de", "Bestätigen Sie Ihre E-Mail-Adresse");
    assert_eq!(sent(&env).await, activation);

    env.clock.advance(DAY / 2);
    let again = server.resend_activation(EMAIL.into(), None, &device);
    again.await.unwrap();
    let mut emails = env.emails().await;
    let again = emails.pop().unwrap();
    assert_eq!(again.language, "de");

    let proof = EmailProof::token(&again.token);
    let activated = server.activate(proof, PASSWORD.into(), None, &device).await;
    activated.unwrap();
    reset(&env, None).await;
    assert_eq!(sent(&env).await, reset_in(German));
}

#[tokio::test]
async fn the_language_of_an_activation_counts_before_that_of_its_registration() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    let device = laptop();
    let registered = server.register(EMAIL.into(), PASSWORD.into(), &device);
    languages::scope(Some(German), registered).await.unwrap();
    let token = env.token_to(EMAIL).await;
    let proof = EmailProof::token(&token);
    let activated = server.activate(proof, PASSWORD.into(), None, &device);
    languages::scope(Some(French), activated).await.unwrap();
    assert_eq!(env.rows("users WHERE language = 'fr'").await, 1);
}

#[tokio::test]
async fn who_is_deleted_by_an_administrator_reads_it_in_their_own_language() {
    let gone = email("de", "Ihr Konto wurde gelöscht");
    for is_bulk in [false, true] {
        let env = with_user(Some(German)).await;
        env.verify_users().await;
        env.emails().await;
        let root = env.administrator(ROOT).await;
        env.emails().await;
        let id = env.id_of(EMAIL).await;
        languages::scope(Some(French), async {
            if is_bulk {
                let (ids, action) = (json!([id]), json!("delete"));
                let changed = env.accounts.change_users(&root, &ids, &action).await;
                changed.unwrap();
            } else {
                let deleted = env.accounts.delete_managed_user(&root, &id).await;
                deleted.unwrap();
            }
        })
        .await;
        assert_eq!(sent(&env).await, gone, "{is_bulk}");
    }
}

#[tokio::test]
async fn who_deletes_their_own_account_reads_it_in_their_language() {
    let env = with_user(Some(German)).await;
    env.verify_users().await;
    env.emails().await;
    let pair = env.sign_in().await;
    env.emails().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let deleted = env.accounts.delete_user(&caller, PASSWORD.into()).await;
    deleted.unwrap();
    let gone = email("de", "Ihr Konto wurde gelöscht");
    assert_eq!(sent(&env).await, gone);
}

/// The language of users whom someone else creates is not known.
#[tokio::test]
async fn a_user_whom_an_administrator_creates_has_no_language() {
    let env = TestEnv::new().await;
    languages::scope(Some(German), env.administrator(ROOT)).await;
    // The administrator has signed in.
    assert_eq!(env.rows("users WHERE language = 'de'").await, 1);
    let created = env
        .accounts
        .create_user(EMAIL.into(), PASSWORD.into(), false);
    languages::scope(Some(German), created).await.unwrap();
    assert_eq!(env.rows("users WHERE language IS NULL").await, 1);
}

#[tokio::test]
async fn the_export_of_a_user_has_the_language() {
    for (stated, expected) in [(Some(German), Some("de")), (None, None)] {
        let env = with_user(stated).await;
        let pair = env.sign_in().await;
        let caller = env.authorize(&pair.access_token).await.unwrap();
        let export = env.accounts.export(&caller).await.unwrap();
        assert_eq!(export.language.as_deref(), expected);
    }
}
