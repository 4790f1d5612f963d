//! Making accounts, signing in to them, and deleting them.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use accounts::Error;
use stage::{EMAIL, PASSWORD, TestEnv, laptop, why};

/// The fields at fault, with their messages.
fn fields<T>(result: Result<T, Error>) -> Vec<(&'static str, Vec<String>)> {
    match result.err() {
        Some(Error::Fields(fields)) => fields
            .into_iter()
            .map(|(field, messages)| (field, messages.iter().map(ToString::to_string).collect()))
            .collect(),
        Some(other) => panic!("{other}"),
        None => vec![],
    }
}

fn only(field: &'static str, message: &str) -> Vec<(&'static str, Vec<String>)> {
    vec![(field, vec![message.into()])]
}

#[tokio::test]
async fn an_account_is_active_and_ordinary() {
    let stage = TestEnv::new().await;
    let device = laptop();
    let created = stage
        .accounts
        .register(" Ada@EXAMPLE.com ".into(), PASSWORD.into(), &device);
    assert_eq!(created.await.unwrap().email, "Ada@example.com");
    let admin = stage
        .accounts
        .create_user("root@example.com".into(), PASSWORD.into(), true);
    admin.await.unwrap();
    let users = stage.accounts.users("", 10).await.unwrap();
    let [ada, root] = users.as_slice() else {
        panic!("{users:?}")
    };
    assert!(ada.user.is_active && !ada.user.is_admin && !ada.awaits_activation);
    assert!(!ada.user.email_verified && !ada.user.otp_enabled);
    assert_eq!(ada.user.date_joined.to_string(), "2026-03-01T12:00:00.000Z");
    assert_eq!(ada.user.last_login, None);
    assert!(root.user.is_active && root.user.is_admin);
}

#[tokio::test]
async fn all_fields_at_fault_are_told_at_once() {
    let stage = TestEnv::with_user().await;
    let device = laptop();
    let create =
        async |email, password| fields(stage.accounts.register(email, password, &device).await);
    let required = || vec!["This field is required.".to_owned()];
    let taken = || vec!["A user with that email already exists.".to_owned()];
    let short =
        || vec!["This password is too short. It must have at least 8 characters.".to_owned()];

    let answer = create(None, None).await;
    assert_eq!(answer, [("email", required()), ("password", required())]);
    let answer = create(None, "short".into()).await;
    assert_eq!(answer, [("email", required()), ("password", short())]);
    let answer = create("ADA@example.com".into(), "short".into()).await;
    assert_eq!(answer, [("email", taken()), ("password", short())]);
    let answer = create("ADA@Example.COM".into(), "another good password".into()).await;
    assert_eq!(answer, [("email", taken())]);
}

#[tokio::test]
async fn an_address_is_registered_once_however_many_try() {
    let stage = TestEnv::new().await;
    let spellings = [
        "ada@example.com",
        "ADA@example.com",
        "Ada@Example.com",
        "aDA@EXAMPLE.COM",
    ];
    let tasks: Vec<_> = spellings
        .into_iter()
        .cycle()
        .take(16)
        .map(|email| {
            let accounts = stage.accounts.clone();
            tokio::spawn(async move {
                accounts
                    .register(email.into(), PASSWORD.into(), &laptop())
                    .await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            refused => assert_eq!(
                fields(refused),
                only("email", "A user with that email already exists.")
            ),
        }
    }
    assert_eq!(made, 1);
}

#[tokio::test]
async fn signing_in_ignores_the_case_of_the_address_only() {
    let stage = TestEnv::with_user().await;
    let login = async |email: &str, password: &str| {
        let result = stage
            .accounts
            .login(email.into(), password.into(), &laptop())
            .await;
        result.err().map(why)
    };
    assert_eq!(login(EMAIL, PASSWORD).await, None);
    assert_eq!(login(" ADA@EXAMPLE.COM", PASSWORD).await, None);
    for (email, password) in [
        (EMAIL, "Correct horse battery"),
        (EMAIL, "correct horse battery "),
        ("nobody@example.com", PASSWORD),
        ("not an address", PASSWORD),
    ] {
        assert_eq!(
            login(email, password).await,
            Some("wrong credentials"),
            "{email} {password}"
        );
    }
}

#[tokio::test]
async fn deleting_an_account_takes_its_password_and_all_that_it_owns() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;
    let renewed = stage.refresh(&pair.refresh_token).await.unwrap();
    let caller = stage.authorize(&renewed.access_token).await.unwrap();

    let wrong = stage
        .accounts
        .delete_user(&caller, "wrong password".into())
        .await;
    assert_eq!(
        fields(wrong),
        only("current_password", "Incorrect password.")
    );
    let missing = stage.accounts.delete_user(&caller, None).await;
    assert_eq!(
        fields(missing),
        only("current_password", "This field is required.")
    );
    stage.authorize(&renewed.access_token).await.unwrap();

    stage
        .accounts
        .delete_user(&caller, PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(
        stage.authorize(&renewed.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        stage.refresh(&renewed.refresh_token).await.err(),
        Some("invalid")
    );
    for table in ["users", "sessions", "retired_refresh_tokens"] {
        assert_eq!(stage.rows(table).await, 0, "{table}");
    }
    // The address is free again.
    stage
        .accounts
        .register(EMAIL.into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_device_can_be_signed_out_by_its_owner_only() {
    let stage = TestEnv::with_user().await;
    let (one, two) = (stage.sign_in().await, stage.sign_in().await);
    let caller = stage.authorize(&one.access_token).await.unwrap();
    let other = stage.authorize(&two.access_token).await.unwrap();

    stage
        .accounts
        .register("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let pair = stage
        .accounts
        .login("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await;
    let eve = stage
        .authorize(&pair.unwrap().tokens.access_token)
        .await
        .unwrap();

    let id = other.session_id.to_string();
    let refused = stage.accounts.revoke(&eve, (&*id).into()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = stage.accounts.revoke(&caller, "not an id".into()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");

    stage.accounts.revoke(&caller, (&*id).into()).await.unwrap();
    assert_eq!(
        stage.authorize(&two.access_token).await.err(),
        Some("invalid")
    );
    let again = stage.accounts.revoke(&caller, (&*id).into()).await;
    assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
    let left = stage.accounts.sessions(&caller).await.unwrap();
    assert_eq!(
        left.iter().map(|session| session.id).collect::<Vec<_>>(),
        [caller.session_id]
    );
}
