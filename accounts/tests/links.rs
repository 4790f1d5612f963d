//! Mailed links over time.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use accounts::Error;
use stage::{DAY, EMAIL, HOUR, PASSWORD, SECOND, TestEnv, laptop, why};

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
    /// Asks for a link, and takes its token out of the mail.
    async fn ask(self, stage: &TestEnv) -> String {
        let accounts = &stage.accounts;
        match self {
            Activation => accounts.resend_activation(EMAIL.into()).await.unwrap(),
            Reset => accounts
                .reset_password(EMAIL.into(), &laptop())
                .await
                .unwrap(),
            EmailChange => {
                let pair = stage.sign_in().await;
                let caller = stage.authorize(&pair.access_token).await.unwrap();
                let wish = accounts.begin_email_change(&caller, NEW_EMAIL.into(), PASSWORD.into());
                wish.await.unwrap();
                return stage.token_to(NEW_EMAIL).await;
            }
        }
        stage.token_to(EMAIL).await
    }

    /// Opens a link; whether it worked.
    async fn open(self, stage: &TestEnv, token: &str) -> bool {
        let (accounts, token, device) = (&stage.accounts, token.into(), laptop());
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

/// A user whose first mail is out of the way.
async fn stage() -> TestEnv {
    let stage = TestEnv::with_user().await;
    stage.mails().await;
    stage
}

#[tokio::test]
async fn a_link_works_until_its_time_is_over() {
    for (purpose, life) in [(Activation, DAY), (Reset, HOUR), (EmailChange, DAY)] {
        let stage = stage().await;
        let token = purpose.ask(&stage).await;
        stage.clock.advance(life);
        assert!(!purpose.open(&stage, &token).await, "{purpose:?}");

        let token = purpose.ask(&stage).await;
        stage.clock.advance(life - SECOND);
        assert!(purpose.open(&stage, &token).await, "{purpose:?}");
        assert!(!purpose.open(&stage, &token).await, "{purpose:?} again");
    }
}

#[tokio::test]
async fn the_link_of_a_registration_works_for_a_day() {
    let stage = TestEnv::with_user().await;
    let token = stage.token_to(EMAIL).await;
    stage.clock.advance(DAY);
    assert!(!Activation.open(&stage, &token).await);
}

#[tokio::test]
async fn a_link_is_for_one_purpose() {
    let stage = stage().await;
    for made_for in ALL {
        let token = made_for.ask(&stage).await;
        for other in ALL {
            if other != made_for {
                assert!(!other.open(&stage, &token).await, "{made_for:?} {other:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_newer_link_voids_the_one_of_the_same_purpose_only() {
    for purpose in ALL {
        let stage = stage().await;
        let first = purpose.ask(&stage).await;
        for other in ALL {
            if other != purpose {
                other.ask(&stage).await;
            }
        }
        let second = purpose.ask(&stage).await;
        assert_eq!(stage.rows("mailed_tokens").await, 3);
        assert!(!purpose.open(&stage, &first).await, "{purpose:?}");
        assert!(purpose.open(&stage, &second).await, "{purpose:?}");
    }
}

#[tokio::test]
async fn a_link_works_once_however_many_open_it() {
    for purpose in ALL {
        let stage = std::sync::Arc::new(stage().await);
        let token = purpose.ask(&stage).await;
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (stage, token) = (stage.clone(), token.clone());
                tokio::spawn(async move { purpose.open(&stage, &token).await })
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
async fn a_changed_password_voids_all_links() {
    let stage = stage().await;
    let mut tokens = Vec::new();
    for purpose in ALL {
        tokens.push((purpose, purpose.ask(&stage).await));
    }
    let pair = stage.sign_in().await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let change = stage
        .accounts
        .change_password(&caller, PASSWORD.into(), NEW_PASSWORD.into());
    change.await.unwrap();
    for (purpose, token) in tokens {
        assert!(!purpose.open(&stage, &token).await, "{purpose:?}");
    }
}

#[tokio::test]
async fn a_changed_address_voids_all_links() {
    let stage = stage().await;
    let activation = Activation.ask(&stage).await;
    let reset = Reset.ask(&stage).await;
    let change = EmailChange.ask(&stage).await;
    assert!(EmailChange.open(&stage, &change).await);
    assert!(!Activation.open(&stage, &activation).await);
    assert!(!Reset.open(&stage, &reset).await);
}

#[tokio::test]
async fn an_operator_voids_all_links() {
    for closes in [true, false] {
        let stage = stage().await;
        let mut tokens = Vec::new();
        for purpose in ALL {
            tokens.push((purpose, purpose.ask(&stage).await));
        }
        if closes {
            stage.accounts.deactivate_user(EMAIL.into()).await.unwrap();
        } else {
            let set = stage
                .accounts
                .set_password_of_user(EMAIL.into(), NEW_PASSWORD.into());
            set.await.unwrap();
        }
        for (purpose, token) in tokens {
            assert!(!purpose.open(&stage, &token).await, "{purpose:?}");
        }
    }
}

/// A wish that waits for its mail is no way around an operator either.
#[tokio::test]
async fn a_wish_from_before_opens_no_account_that_was_closed_meanwhile() {
    let stage = stage().await;
    let accounts = &stage.accounts;
    accounts.resend_activation(EMAIL.into()).await.unwrap();
    accounts
        .reset_password(EMAIL.into(), &laptop())
        .await
        .unwrap();
    accounts.deactivate_user(EMAIL.into()).await.unwrap();
    let mails = stage.mails().await;
    assert!(mails.is_empty(), "{mails:?}");
    let device = laptop();
    let login = accounts.login(EMAIL.into(), PASSWORD.into(), &device);
    assert_eq!(login.await.err().map(why), Some("inactive"));
}

#[tokio::test]
async fn an_account_that_awaits_activation_is_active_once_its_link_is_opened() {
    let stage = TestEnv::new().await;
    let strict = stage.strict_server();
    strict
        .register(EMAIL.into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let login = async || {
        let device = laptop();
        let login = strict.login(EMAIL.into(), PASSWORD.into(), &device);
        login.await.err().map(why)
    };
    let late = stage.token_to(EMAIL).await;
    assert_eq!(login().await, Some("inactive"));
    stage.clock.advance(DAY);
    assert!(!Activation.open(&stage, &late).await);
    assert_eq!(login().await, Some("inactive"));

    // Who comes too late asks again.
    let token = Activation.ask(&stage).await;
    assert!(Activation.open(&stage, &token).await);
    assert_eq!(login().await, None);
}

#[tokio::test]
async fn many_who_register_a_known_address_are_answered_like_new_ones() {
    let stage = stage().await;
    let strict = stage.strict_server();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let strict = strict.clone();
            tokio::spawn(async move {
                strict
                    .register(EMAIL.into(), NEW_PASSWORD.into(), &laptop())
                    .await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().email, EMAIL);
    }
    assert_eq!(stage.rows("users").await, 1);
    let mails = stage.mails().await;
    assert_eq!(mails.len(), 8);
    assert!(mails.iter().all(|mail| mail.token.is_empty()), "{mails:?}");
}
