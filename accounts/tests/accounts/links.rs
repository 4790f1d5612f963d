//! Emailed links over time.

use crate::support::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestEnv, laptop, why};
use accounts::Error;

const NEW_EMAIL: &str = "lovelace@example.com";
const NEW_PASSWORD: &str = "another good password";

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Activation,
    Reset,
    EmailChange,
}

use Purpose::{Activation, EmailChange, Reset};

const ALL: [Purpose; 3] = [Activation, Reset, EmailChange];

impl Purpose {
    /// Requests a link, and returns its token from the email.
    async fn request(self, env: &TestEnv) -> String {
        let accounts = &env.accounts;
        match self {
            Activation => accounts.resend_activation(EMAIL.into()).await.unwrap(),
            Reset => accounts
                .reset_password(EMAIL.into(), &laptop())
                .await
                .unwrap(),
            EmailChange => {
                let pair = env.sign_in().await;
                let caller = env.authorize(&pair.access_token).await.unwrap();
                let request =
                    accounts.begin_email_change(&caller, NEW_EMAIL.into(), PASSWORD.into());
                request.await.unwrap();
                return env.token_to(NEW_EMAIL).await;
            }
        }
        env.token_to(EMAIL).await
    }

    /// Opens a link. Returns whether it worked.
    async fn open(self, env: &TestEnv, token: &str) -> bool {
        let (accounts, token, device) = (&env.accounts, token.into(), laptop());
        let done = match self {
            Activation => accounts.activate(token, &device).await,
            Reset => {
                accounts
                    .confirm_reset(token, NEW_PASSWORD.into(), &device)
                    .await
            }
            EmailChange => accounts.confirm_email_change(token, &device).await,
        };
        match done {
            Ok(()) => true,
            Err(Error::Fields(fields)) => {
                assert_eq!(fields.keys().collect::<Vec<_>>(), [&"token"]);
                false
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// A user, whose first email has been taken.
async fn env_without_emails() -> TestEnv {
    let env = TestEnv::with_user().await;
    env.emails().await;
    env
}

#[tokio::test]
async fn a_link_works_until_it_expires() {
    for (purpose, life) in [(Activation, DAY), (Reset, HOUR), (EmailChange, DAY)] {
        let env = env_without_emails().await;
        let token = purpose.request(&env).await;
        env.clock.advance(life);
        assert!(!purpose.open(&env, &token).await, "{purpose:?}");

        let token = purpose.request(&env).await;
        env.clock.advance(life - SECOND);
        assert!(purpose.open(&env, &token).await, "{purpose:?}");
        assert!(!purpose.open(&env, &token).await, "{purpose:?} again");
    }
}

#[tokio::test]
async fn the_link_of_a_registration_works_for_a_day() {
    let env = TestEnv::with_user().await;
    let token = env.token_to(EMAIL).await;
    env.clock.advance(DAY);
    assert!(!Activation.open(&env, &token).await);
}

#[tokio::test]
async fn a_link_is_for_one_purpose() {
    let env = env_without_emails().await;
    for made_for in ALL {
        let token = made_for.request(&env).await;
        for other in ALL {
            if other != made_for {
                assert!(!other.open(&env, &token).await, "{made_for:?} {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_newer_link_replaces_only_the_one_of_the_same_purpose() {
    for purpose in ALL {
        let env = env_without_emails().await;
        let first = purpose.request(&env).await;
        for other in ALL {
            if other != purpose {
                other.request(&env).await;
            }
        }
        let second = purpose.request(&env).await;
        assert_eq!(env.rows("mailed_tokens").await, 3);
        assert!(!purpose.open(&env, &first).await, "{purpose:?}");
        assert!(purpose.open(&env, &second).await, "{purpose:?}");
    }
}

#[tokio::test]
async fn a_link_works_once_however_many_open_it() {
    for purpose in ALL {
        let env = std::sync::Arc::new(env_without_emails().await);
        let token = purpose.request(&env).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (env, token) = (env.clone(), token.clone());
                tokio::spawn(async move { purpose.open(&env, &token).await })
            })
            .collect();
        let mut worked = 0;
        for task in tasks {
            worked += usize::from(task.await.unwrap());
        }
        assert_eq!(worked, 1, "{purpose:?}");
    }
}

#[tokio::test]
async fn a_password_change_invalidates_all_links() {
    let env = env_without_emails().await;
    let mut tokens = Vec::new();
    for purpose in ALL {
        tokens.push((purpose, purpose.request(&env).await));
    }
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let change = env
        .accounts
        .change_password(&caller, PASSWORD.into(), NEW_PASSWORD.into());
    change.await.unwrap();
    for (purpose, token) in tokens {
        assert!(!purpose.open(&env, &token).await, "{purpose:?}");
    }
}

#[tokio::test]
async fn an_email_change_invalidates_all_links() {
    let env = env_without_emails().await;
    let activation = Activation.request(&env).await;
    let reset = Reset.request(&env).await;
    let change = EmailChange.request(&env).await;
    assert!(EmailChange.open(&env, &change).await);
    assert!(!Activation.open(&env, &activation).await);
    assert!(!Reset.open(&env, &reset).await);
}

#[tokio::test]
async fn an_operator_invalidates_all_links() {
    for closes in [true, false] {
        let env = env_without_emails().await;
        let mut tokens = Vec::new();
        for purpose in ALL {
            tokens.push((purpose, purpose.request(&env).await));
        }
        if closes {
            env.accounts.deactivate_user(EMAIL.into()).await.unwrap();
        } else {
            let set = env
                .accounts
                .set_password_of_user(EMAIL.into(), NEW_PASSWORD.into());
            set.await.unwrap();
        }
        for (purpose, token) in tokens {
            assert!(!purpose.open(&env, &token).await, "{purpose:?}");
        }
    }
}

/// Nor does a waiting email request circumvent the operator.
#[tokio::test]
async fn an_earlier_email_request_does_not_reactivate_an_account() {
    let env = env_without_emails().await;
    let accounts = &env.accounts;
    accounts.resend_activation(EMAIL.into()).await.unwrap();
    accounts
        .reset_password(EMAIL.into(), &laptop())
        .await
        .unwrap();
    accounts.deactivate_user(EMAIL.into()).await.unwrap();
    let emails = env.emails().await;
    assert!(emails.is_empty(), "{emails:?}");
    let device = laptop();
    let login = accounts.login(EMAIL.into(), PASSWORD.into(), &device);
    assert_eq!(login.await.err().map(why), Some("inactive"));
}

#[tokio::test]
async fn an_account_that_awaits_activation_is_active_once_its_link_is_opened() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    server
        .register(EMAIL.into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let login = async || {
        let device = laptop();
        let login = server.login(EMAIL.into(), PASSWORD.into(), &device);
        login.await.err().map(why)
    };
    let late = env.token_to(EMAIL).await;
    assert_eq!(login().await, Some("inactive"));
    env.clock.advance(DAY);
    assert!(!Activation.open(&env, &late).await);
    assert_eq!(login().await, Some("inactive"));

    // A user who is too late requests another link.
    let token = Activation.request(&env).await;
    assert!(Activation.open(&env, &token).await);
    assert_eq!(login().await, None);
}

#[tokio::test]
async fn registering_a_known_address_gets_the_same_response_as_a_new_one() {
    let env = env_without_emails().await;
    let server = env.server_with_activation();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                server
                    .register(EMAIL.into(), NEW_PASSWORD.into(), &laptop())
                    .await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().email, EMAIL);
    }
    assert_eq!(env.rows("users").await, 1);
    let emails = env.emails().await;
    assert_eq!(emails.len(), 8);
    assert!(
        emails.iter().all(|email| email.token.is_empty()),
        "{emails:?}"
    );
}
