//! Email addresses and passwords that an earlier version has stored.

use accounts::{Database, Error};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD};

use crate::support::{EMAIL, PASSWORD, TestEnv, laptop, why};

/// The same password with one character for the accented letter, and with two.
const COMPOSED: &str = "caf\u{e9} noir, bien chaud";
const DECOMPOSED: &str = "cafe\u{301} noir, bien chaud";

async fn sign_in(env: &TestEnv, email: &str, password: &str) -> Result<(), &'static str> {
    let device = laptop();
    let signed_in = env.accounts.login(email.into(), password.into(), &device);
    signed_in.await.map(drop).map_err(why)
}

/// A hash of a password as it was typed, at the cost of the tests.
fn hash_as_typed(password: &str) -> String {
    let params = Params::new(64, 1, 1, Some(32)).unwrap();
    let (salt, mut hash) = ([7; 16], [0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), &salt, &mut hash)
        .unwrap();
    let [salt, hash] = [&salt[..], &hash].map(|bytes| BASE64_STANDARD_NO_PAD.encode(bytes));
    format!("$argon2id$v=19$m=64,t=1,p=1${salt}${hash}")
}

#[tokio::test]
async fn a_hash_from_before_passwords_were_normalized_keeps_working_and_is_replaced() {
    let env = TestEnv::with_user().await;
    let old = hash_as_typed(DECOMPOSED);
    env.execute(format!("UPDATE users SET password_hash = '{old}'").leak())
        .await;
    let wrong = Err("wrong credentials");
    assert_eq!(sign_in(&env, EMAIL, "cafe noir, bien chaud").await, wrong);
    assert_eq!(sign_in(&env, EMAIL, COMPOSED).await, wrong);
    assert_eq!(env.password_hash().await, old);
    assert_eq!(sign_in(&env, EMAIL, DECOMPOSED).await, Ok(()));
    let new = env.password_hash().await;
    assert_ne!(new, old);
    for spelling in [COMPOSED, DECOMPOSED] {
        assert_eq!(sign_in(&env, EMAIL, spelling).await, Ok(()));
    }
    assert_eq!(env.password_hash().await, new);
}

/// One that is in Normalization Form C anyway is not replaced.
#[tokio::test]
async fn a_hash_of_a_normalized_password_stays() {
    let env = TestEnv::with_user().await;
    let old = hash_as_typed(COMPOSED);
    env.execute(format!("UPDATE users SET password_hash = '{old}'").leak())
        .await;
    for spelling in [DECOMPOSED, COMPOSED] {
        assert_eq!(sign_in(&env, EMAIL, spelling).await, Ok(()));
    }
    assert_eq!(env.password_hash().await, old);
}

/// Takes back the migration that added the key by which email addresses are compared.
async fn remove_email_key(env: &TestEnv) {
    if matches!(env.database, Database::Sqlite { .. }) {
        // A later migration made it read the column.
        env.execute("DROP TRIGGER tell_user_replacement").await;
    }
    env.execute("DROP INDEX users_email_key").await;
    env.execute("ALTER TABLE users DROP COLUMN email_key").await;
    if matches!(env.database, Database::Postgres(_)) {
        env.execute("ALTER TABLE users DROP COLUMN email_duplicate")
            .await;
    }
    env.execute("CREATE UNIQUE INDEX users_email ON users (lower(email))")
        .await;
}

async fn add_email_key(env: &TestEnv) {
    let migration = match env.database {
        Database::Sqlite { .. } => include_str!("../../../migrations/sqlite/0017_email_key.sql"),
        Database::Postgres(_) => include_str!("../../../migrations/postgres/0017_email_key.sql"),
    };
    for statement in migration.split_inclusive(';') {
        if !statement.trim().is_empty() {
            env.execute(statement).await;
        }
    }
}

/// In a database with a Turkish locale, `INFO@example.com` and `info@example.com` were two accounts.
#[tokio::test]
async fn accounts_from_before_the_email_key_keep_working() {
    let env = TestEnv::turkish().await;
    let register = async |email: &str, password: &str| {
        let device = laptop();
        let created = env
            .accounts
            .register(email.into(), password.into(), &device);
        created.await.map(drop)
    };
    register("INFO@example.com", PASSWORD).await.unwrap();
    register("other@example.com", COMPOSED).await.unwrap();
    register("grace@example.com", PASSWORD).await.unwrap();
    remove_email_key(&env).await;
    let has_locale = matches!(env.database, Database::Postgres(_));
    if has_locale {
        env.execute("UPDATE users SET email = 'info@example.com' WHERE email LIKE 'other@%'")
            .await;
    }
    add_email_key(&env).await;

    assert_eq!(sign_in(&env, "INFO@example.com", PASSWORD).await, Ok(()));
    assert_eq!(sign_in(&env, "GRACE@example.com", PASSWORD).await, Ok(()));
    if has_locale {
        assert_eq!(sign_in(&env, "info@example.com", COMPOSED).await, Ok(()));
    }
    let users = env.accounts.users("", 1).await.unwrap();
    let mut emails = vec![users[0].email.clone()];
    while let Some(user) = env
        .accounts
        .users(emails.last().unwrap(), 1)
        .await
        .unwrap()
        .pop()
    {
        emails.push(user.user.email);
    }
    assert_eq!(emails.len(), 3, "{emails:?}");
    for taken in ["info@example.com", "Info@example.com", "INFO@example.com"] {
        let refused = register(taken, PASSWORD).await;
        assert!(matches!(refused, Err(Error::Fields(_))), "{taken}");
    }
}
