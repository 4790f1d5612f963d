//! Emailed links over time.

use crate::support::{DAY, EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, why};
use accounts::{EmailProof, Error};

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
        // Emails are limited, and who may have them depends on the address.
        env.clock.advance(2 * MINUTE);
        let verified = match self {
            EmailChange => "UPDATE users SET email_verified = TRUE",
            Activation | Reset => "UPDATE users SET email_verified = FALSE",
        };
        env.execute(verified).await;
        match self {
            Activation => accounts
                .resend_activation(EMAIL.into(), None, &laptop())
                .await
                .unwrap(),
            Reset => accounts
                .reset_password(EMAIL.into(), None, &laptop())
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
        let (accounts, device) = (&env.accounts, laptop());
        let (proof, password) = (EmailProof::token(token), Some(PASSWORD));
        let done = match self {
            Activation => accounts.activate(proof, password, None, &device).await,
            Reset => accounts
                .confirm_reset(proof, NEW_PASSWORD.into(), &device)
                .await
                .map(drop),
            EmailChange => {
                accounts
                    .confirm_email_change(proof, password, None, &device)
                    .await
            }
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
        // Repeating it is no error, unless it would need the password again.
        let again = purpose.open(&env, &token).await;
        assert_eq!(again, purpose != Reset, "{purpose:?} again");
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
async fn links_of_a_purpose_are_valid_until_one_is_used() {
    for purpose in ALL {
        for used in 0..2 {
            let env = env_without_emails().await;
            let mut tokens = Vec::new();
            for _ in 0..2 {
                tokens.push(purpose.request(&env).await);
                for other in ALL {
                    if other != purpose {
                        other.request(&env).await;
                    }
                }
            }
            assert!(purpose.open(&env, &tokens[used]).await, "{purpose:?}");
            let other = purpose.open(&env, &tokens[1 - used]).await;
            // It does nothing any more, and says no more than that this is done.
            assert_eq!(other, purpose != Reset, "{purpose:?}");
        }
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
        let expected = if purpose == Reset { 1 } else { 8 };
        assert_eq!(worked, expected, "{purpose:?}");
        assert_eq!(
            env.rows("audit_events WHERE event = 'address_confirmed'")
                .await,
            i64::from(purpose == Activation)
        );
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
    accounts
        .resend_activation(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    accounts
        .reset_password(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    accounts.deactivate_user(EMAIL.into()).await.unwrap();
    let emails = env.emails().await;
    assert!(emails.is_empty(), "{emails:?}");
    let device = laptop();
    let login = accounts.login(EMAIL.into(), PASSWORD.into(), &device);
    assert_eq!(login.await.err().map(why), Some("inactive"));
}
