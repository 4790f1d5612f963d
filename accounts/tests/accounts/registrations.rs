//! Registrations that wait for their link, where new accounts require activation.

use accounts::{Accounts, Clock, EmailProof, Error};

use crate::support::{DAY, EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, why};

const OTHER: &str = "another good password";

async fn register(server: &Accounts, password: &str) {
    let registered = server
        .register(EMAIL.into(), password.into(), &laptop())
        .await;
    assert_eq!(registered.unwrap().email, EMAIL);
}

async fn login(server: &Accounts, password: &str) -> Option<&'static str> {
    let device = laptop();
    let login = server.login(EMAIL.into(), password.into(), &device);
    login.await.err().map(why)
}

async fn open(server: &Accounts, proof: EmailProof<'_>, password: &str) -> Result<(), String> {
    let opened = server
        .activate(proof, password.into(), None, &laptop())
        .await;
    opened.map_err(|error| match error {
        Error::Fields(fields) => (*fields.keys().next().unwrap()).to_owned(),
        other => why(other).to_owned(),
    })
}

#[tokio::test]
async fn a_link_activates_the_registration_that_it_was_sent_for() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let first = env.token_to(EMAIL).await;
    register(&server, OTHER).await;
    let second = env.token_to(EMAIL).await;
    assert_eq!(login(&server, PASSWORD).await, Some("wrong credentials"));
    assert_eq!(env.rows("users").await, 0);

    // Each link needs its own password.
    let proof = EmailProof::token(&second);
    assert_eq!(open(&server, proof, PASSWORD).await, Err("password".into()));
    assert_eq!(open(&server, proof, OTHER).await, Ok(()));
    assert_eq!(login(&server, PASSWORD).await, Some("wrong credentials"));
    assert_eq!(login(&server, OTHER).await, None);
    assert_eq!(open(&server, proof, "").await, Ok(()), "it is done");
    // The others are gone.
    let proof = EmailProof::token(&first);
    assert_eq!(open(&server, proof, PASSWORD).await, Err("token".into()));
    assert_eq!(env.rows("registrations").await, 0);
    assert_eq!(env.rows("users").await, 1);
}

#[tokio::test]
async fn one_of_many_concurrent_activations_creates_the_account() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    let mut links = Vec::new();
    for password in [PASSWORD, OTHER] {
        register(&server, password).await;
        links.push((env.token_to(EMAIL).await, password));
    }
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (server, (token, password)) = (server.clone(), links[number % 2].clone());
            tokio::spawn(async move { open(&server, EmailProof::token(&token), password).await })
        })
        .collect();
    let mut worked = 0;
    for task in tasks {
        worked += usize::from(task.await.unwrap().is_ok());
    }
    // All presses of the link that has won.
    assert_eq!(worked, 4);
    assert_eq!(env.rows("users").await, 1);
}

#[tokio::test]
async fn a_registration_expires_after_a_day() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let late = env.token_to(EMAIL).await;
    env.clock.advance(DAY - SECOND);
    assert_eq!(server.clean_up().await.unwrap(), 0);
    env.clock.advance(SECOND);
    let proof = EmailProof::token(&late);
    assert_eq!(open(&server, proof, PASSWORD).await, Err("token".into()));
    server
        .resend_activation(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    server
        .reset_password(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    assert!(env.emails().await.is_empty());
    server.clean_up().await.unwrap();
    assert_eq!(env.rows("registrations").await, 0);
    // The address is free again.
    register(&server, OTHER).await;
    let token = env.token_to(EMAIL).await;
    assert_eq!(
        open(&server, EmailProof::token(&token), OTHER).await,
        Ok(())
    );
}

#[tokio::test]
async fn at_most_five_registrations_of_an_address_wait() {
    for is_known in [false, true] {
        let env = match is_known {
            false => TestEnv::new().await,
            true => TestEnv::with_verified_user().await,
        };
        env.emails().await;
        let server = env.server_with_activation();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let server = server.clone();
                tokio::spawn(async move { register(&server, OTHER).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(env.rows("registrations").await, 5);
        let emails = env.emails().await;
        // The owner of an account is not emailed five times.
        assert_eq!(emails.len(), if is_known { 1 } else { 5 });
        assert!(
            emails
                .iter()
                .all(|email| email.token.is_empty() == is_known)
        );
        // What has expired makes room.
        env.clock.advance(DAY);
        register(&server, OTHER).await;
        assert_eq!(env.rows("registrations").await, 1);
        assert_eq!(env.rows("users").await, i64::from(is_known));
    }
}

#[tokio::test]
async fn a_link_that_is_sent_again_is_for_the_registration_whose_password_is_entered() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    register(&server, OTHER).await;
    env.emails().await;
    server
        .resend_activation(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    let token = env.token_to(EMAIL).await;
    let proof = EmailProof::token(&token);
    assert_eq!(
        open(&server, proof, "neither of them").await,
        Err("password".into())
    );
    assert_eq!(open(&server, proof, PASSWORD).await, Ok(()));
    assert_eq!(login(&server, PASSWORD).await, None);
    assert_eq!(login(&server, OTHER).await, Some("wrong credentials"));
}

#[tokio::test]
async fn a_password_reset_creates_the_account_with_the_new_password() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let activation = env.token_to(EMAIL).await;
    server
        .reset_password(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    let token = env.token_to(EMAIL).await;
    let reset = async || {
        let (proof, device) = (EmailProof::token(&token), laptop());
        server.confirm_reset(proof, OTHER.into(), &device).await
    };
    reset().await.unwrap();
    assert!(reset().await.is_err());
    assert_eq!(login(&server, PASSWORD).await, Some("wrong credentials"));
    assert_eq!(login(&server, OTHER).await, None);
    let users = server.users("", 10).await.unwrap();
    assert!(users[0].email_verified);
    let proof = EmailProof::token(&activation);
    assert_eq!(open(&server, proof, PASSWORD).await, Err("token".into()));
}

#[tokio::test]
async fn a_rejected_registration_is_removed() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let wrong = env.token_to(EMAIL).await;
    register(&server, OTHER).await;
    let own = env.token_to(EMAIL).await;
    for _ in 0..2 {
        server
            .reject_activation((&*wrong).into(), &laptop())
            .await
            .unwrap();
    }
    let proof = EmailProof::token(&wrong);
    assert_eq!(open(&server, proof, PASSWORD).await, Err("token".into()));
    let proof = EmailProof::token(&own);
    assert_eq!(open(&server, proof, OTHER).await, Ok(()));
    // A verified account can't be rejected any more.
    let rejected = server.reject_activation((&*own).into(), &laptop()).await;
    assert!(matches!(rejected, Err(Error::Fields(_))));
    assert_eq!(login(&server, OTHER).await, None);
}

#[tokio::test]
async fn a_rejected_account_is_removed_on_its_first_day_and_deactivated_later() {
    for age in [23 * HOUR, 25 * HOUR] {
        let env = TestEnv::with_user().await;
        let pair = env.sign_in().await;
        env.clock.advance(age);
        env.emails().await;
        let accounts = &env.accounts;
        accounts
            .resend_activation(EMAIL.into(), None, &laptop())
            .await
            .unwrap();
        let token = env.token_to(EMAIL).await;
        for _ in 0..2 {
            accounts
                .reject_activation((&*token).into(), &laptop())
                .await
                .unwrap();
        }
        assert_eq!(
            env.refresh(&pair.refresh_token).await.err(),
            Some("invalid")
        );
        let is_new = age < DAY;
        assert_eq!(env.rows("users").await, i64::from(!is_new));
        let expected = if is_new {
            "wrong credentials"
        } else {
            "inactive"
        };
        assert_eq!(login(accounts, PASSWORD).await, Some(expected));
        // Operators who know the address find out in both cases.
        let events = accounts.audit(EMAIL.into(), 1).await.unwrap();
        assert_eq!(&*events[0].event, "account_rejected");
        assert_eq!(
            (events[0].at, &*events[0].ip),
            (env.clock.now(), "127.0.0.1")
        );
        assert_eq!(env.rows("deleted_accounts").await, i64::from(is_new));
    }
}

#[tokio::test]
async fn a_code_does_what_its_link_does_until_five_wrong_ones() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let email = env.emails().await.remove(0);
    let code = |code| EmailProof {
        email: EMAIL.into(),
        code: Some(code),
        token: None,
    };
    let right = &*email.code;
    assert_eq!(right.trim().len(), 9, "{email:?}");
    // Wrong passwords are not wrong codes.
    for _ in 0..6 {
        let opened = open(&server, code(right), "not this one").await;
        assert_eq!(opened, Err("password".into()));
    }
    for _ in 0..5 {
        let opened = open(&server, code("12345678"), PASSWORD).await;
        assert_eq!(opened, Err("code".into()));
    }
    assert_eq!(
        open(&server, code(right), PASSWORD).await,
        Err("code".into())
    );
    // A new email has a new code.
    env.clock.advance(2 * MINUTE);
    server
        .resend_activation(EMAIL.into(), None, &laptop())
        .await
        .unwrap();
    let again = env.emails().await.remove(0);
    assert_eq!(
        open(&server, code(right), PASSWORD).await,
        Err("code".into())
    );
    assert_eq!(open(&server, code(&again.code), PASSWORD).await, Ok(()));
    assert_eq!(
        open(&server, code(&again.code), PASSWORD).await,
        Ok(()),
        "it is done"
    );
}

#[tokio::test]
async fn the_link_works_after_many_wrong_codes() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    let token = env.token_to(EMAIL).await;
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let server = server.clone();
            tokio::spawn(async move {
                let code = format!("{number:08}");
                let proof = EmailProof {
                    email: EMAIL.into(),
                    code: Some(&code),
                    token: None,
                };
                open(&server, proof, PASSWORD).await
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), Err("code".into()));
    }
    let proof = EmailProof::token(&token);
    assert_eq!(open(&server, proof, PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn an_operator_accepts_the_only_registration() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    register(&server, PASSWORD).await;
    register(&server, OTHER).await;
    let several = server.verify_user(EMAIL.into()).await;
    assert!(matches!(several, Err(Error::Fields(_))));
    env.clock.advance(DAY);
    register(&server, OTHER).await;
    let user = server.verify_user(EMAIL.into()).await.unwrap();
    assert!(user.email_verified);
    assert_eq!(login(&server, OTHER).await, None);
    let none = server.verify_user("nobody@example.com".into()).await;
    assert!(matches!(none, Err(Error::NotFound)));
}

/// An account of an earlier version that only awaits activation has 24 hours from the migration, and
/// its links keep working.
#[tokio::test]
async fn accounts_that_await_activation_become_registrations() {
    let hash = TestEnv::with_user().await.password_hash().await;
    let env = TestEnv::before_migration("0009").await;
    let users = format!(
        "INSERT INTO users (id, email, password_hash, is_active, awaits_activation, jwt_secret,
            date_joined, email_verified)
        VALUES ('00000000-0000-4000-8000-000000000001', '{EMAIL}', '{hash}', FALSE, TRUE,
            '00000000-0000-4000-8000-000000000001', '2026-02-01T12:00:00.000Z', FALSE),
            ('00000000-0000-4000-8000-000000000002', 'grace@example.com', '{hash}', TRUE, FALSE,
            '00000000-0000-4000-8000-000000000002', '2026-02-01T12:00:00.000Z', FALSE),
            ('00000000-0000-4000-8000-000000000003', 'eve@example.com', '{hash}', FALSE, FALSE,
            '00000000-0000-4000-8000-000000000003', '2026-02-01T12:00:00.000Z', FALSE)"
    );
    env.execute_text(users).await;
    for (user, purpose, token) in [
        (1, "activation", "first"),
        (1, "reset", "second"),
        (2, "activation", "third"),
    ] {
        let hash: String = sha2::Digest::finalize(sha2::Digest::chain_update(
            <sha2::Sha256 as sha2::Digest>::new(),
            token,
        ))
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
        let hash = match env.sqlite_file() {
            Some(_) => format!("x'{hash}'"),
            None => format!("'\\x{hash}'"),
        };
        env.execute_text(format!(
            "INSERT INTO mailed_tokens (user_id, purpose, hash, expires_at)
            VALUES ('00000000-0000-4000-8000-00000000000{user}', '{purpose}', {hash},
                '2026-03-02T12:00:00.000Z')"
        ))
        .await;
    }
    env.run_migrations(|name| name >= "0009").await;
    assert_eq!(env.rows("users").await, 2);
    assert_eq!(env.rows("registrations").await, 1);
    assert_eq!(env.rows("mailed_tokens").await, 3);

    let server = env.server_with_activation();
    assert_eq!(login(&server, PASSWORD).await, Some("wrong credentials"));
    let proof = EmailProof::token("first");
    assert_eq!(open(&server, proof, OTHER).await, Err("password".into()));
    assert_eq!(open(&server, proof, PASSWORD).await, Ok(()));
    assert_eq!(login(&server, PASSWORD).await, None);
    // The other link is the account's now.
    let proof = EmailProof::token("second");
    server
        .confirm_reset(proof, OTHER.into(), &laptop())
        .await
        .unwrap();
    assert_eq!(login(&server, OTHER).await, None);
    let proof = EmailProof::token("third");
    assert_eq!(open(&server, proof, PASSWORD).await, Ok(()));
}
