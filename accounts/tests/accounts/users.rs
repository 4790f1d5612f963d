//! Creating accounts, signing in, and deleting accounts.

use crate::support::{EMAIL, PASSWORD, TestEnv, laptop, why};
use accounts::Error;

/// The invalid fields, with their messages.
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
    let env = TestEnv::new().await;
    let device = laptop();
    let created = env
        .accounts
        .register(" Ada@EXAMPLE.com ".into(), PASSWORD.into(), &device);
    assert_eq!(created.await.unwrap().email, "Ada@example.com");
    let admin = env
        .accounts
        .create_user("root@example.com".into(), PASSWORD.into(), true);
    admin.await.unwrap();
    let users = env.accounts.users("", 10).await.unwrap();
    let [ada, root] = users.as_slice() else {
        panic!("{users:?}")
    };
    assert!(ada.is_active && !ada.is_admin);
    assert!(!ada.email_verified && !ada.otp_enabled);
    assert_eq!(ada.date_joined.to_string(), "2026-03-01T12:00:00.000Z");
    assert_eq!(ada.last_login, None);
    assert!(root.is_active && root.is_admin);
}

#[tokio::test]
async fn all_invalid_fields_are_reported_at_once() {
    let env = TestEnv::with_user().await;
    let device = laptop();
    let create =
        async |email, password| fields(env.accounts.register(email, password, &device).await);
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
async fn of_many_concurrent_registrations_of_an_address_one_succeeds() {
    let env = TestEnv::new().await;
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
            let accounts = env.accounts.clone();
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
async fn signing_in_ignores_only_the_case_of_the_email_address() {
    let env = TestEnv::with_user().await;
    let login = async |email: &str, password: &str| {
        let result = env
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
async fn deleting_an_account_needs_its_password_and_deletes_everything_it_owns() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    let renewed = env.refresh(&pair.refresh_token).await.unwrap();
    let caller = env.authorize(&renewed.access_token).await.unwrap();

    let wrong = env
        .accounts
        .delete_user(&caller, "wrong password".into())
        .await;
    assert_eq!(
        fields(wrong),
        only("current_password", "Incorrect password.")
    );
    let missing = env.accounts.delete_user(&caller, None).await;
    assert_eq!(
        fields(missing),
        only("current_password", "This field is required.")
    );
    env.authorize(&renewed.access_token).await.unwrap();

    env.accounts
        .delete_user(&caller, PASSWORD.into())
        .await
        .unwrap();
    assert_eq!(
        env.authorize(&renewed.access_token).await.err(),
        Some("invalid")
    );
    assert_eq!(
        env.refresh(&renewed.refresh_token).await.err(),
        Some("invalid")
    );
    for table in ["users", "sessions", "retired_refresh_tokens"] {
        assert_eq!(env.rows(table).await, 0, "{table}");
    }
    // The email address can be registered again.
    env.accounts
        .register(EMAIL.into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_session_can_be_revoked_only_by_its_user() {
    let env = TestEnv::with_user().await;
    let (one, two) = (env.sign_in().await, env.sign_in().await);
    let caller = env.authorize(&one.access_token).await.unwrap();
    let other = env.authorize(&two.access_token).await.unwrap();

    env.accounts
        .register("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let pair = env
        .accounts
        .login("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await;
    let eve = env
        .authorize(&pair.unwrap().tokens.access_token)
        .await
        .unwrap();

    let id = other.session_id.to_string();
    let refused = env.accounts.revoke(&eve, (&*id).into()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = env.accounts.revoke(&caller, "not an id".into()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");

    env.accounts.revoke(&caller, (&*id).into()).await.unwrap();
    assert_eq!(
        env.authorize(&two.access_token).await.err(),
        Some("invalid")
    );
    let again = env.accounts.revoke(&caller, (&*id).into()).await;
    assert!(matches!(again, Err(Error::NotFound)), "{again:?}");
    let left = env.accounts.sessions(&caller).await.unwrap();
    assert_eq!(
        left.iter().map(|session| session.id).collect::<Vec<_>>(),
        [caller.session_id]
    );
}
