//! Profiles and roles, and what tokens say about them.

use accounts::{Accounts, Authorized, Error};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, laptop, why};

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
    serde_json::from_slice(&claims.unwrap()).unwrap()
}

async fn caller(env: &TestEnv) -> Authorized {
    let pair = env.sign_in().await;
    env.authorize(&pair.access_token).await.unwrap()
}

async fn grant(accounts: &Accounts, added: &[&str], removed: &[&str]) -> Vec<String> {
    let owned =
        |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    let (added, removed) = (owned(added), owned(removed));
    let user = accounts.change_roles_of_user(EMAIL.into(), &added, &removed);
    user.await.unwrap().roles.to_vec()
}

#[tokio::test]
async fn a_profile_changes_as_far_as_fields_are_given() {
    let env = TestEnv::with_user().await;
    let caller = caller(&env).await;
    let update = async |name: Value, metadata: Value| {
        let updated = env.accounts.update_profile(&caller, &name, &metadata).await;
        let user = updated.map_err(why)?;
        let metadata = env.accounts.metadata(&user).await.unwrap();
        Ok::<_, &str>((user.name.to_string(), metadata))
    };
    let none = Value::Null;
    let updated = update(json!(" Ada "), none.clone()).await;
    assert_eq!(updated, Ok(("Ada".into(), json!({}))));
    let updated = update(none.clone(), json!({"a": [1, 2]})).await;
    assert_eq!(updated, Ok(("Ada".into(), json!({"a": [1, 2]}))));
    // More than what is cached, and the most that there can be.
    for length in [300, 4088] {
        let large = json!({"a": "x".repeat(length)});
        let updated = update(none.clone(), large.clone()).await;
        assert_eq!(updated, Ok(("Ada".into(), large.clone())));
        let pair = env.sign_in().await;
        let seen = env.authorize(&pair.access_token).await.unwrap();
        assert_eq!(env.accounts.metadata(seen.user()).await.unwrap(), large);
    }
    for (name, metadata) in [
        (json!(1), none.clone()),
        (json!("x".repeat(101)), none.clone()),
        (none.clone(), json!([])),
        (none.clone(), json!({"a": "x".repeat(4089)})),
        (none.clone(), json!({"a": "\0"})),
        (none.clone(), nested(33)),
    ] {
        assert_eq!(update(name, metadata).await, Err("fields"));
    }
    let updated = update(json!(""), json!({})).await;
    assert_eq!(updated, Ok((String::new(), json!({}))));
    let events = env.accounts.activity(&caller).await.unwrap();
    let mut updates = events
        .iter()
        .filter(|event| event.event == "profile_updated");
    // One row for an hour, so that they don't push out the others.
    assert_eq!(updates.next().map(|event| event.count), Some(5));
    assert!(updates.next().is_none());
}

/// An object with this number of levels.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!({}), |inner, _| json!({"a": inner}))
}

#[tokio::test]
async fn every_server_sees_a_new_profile_at_once() {
    let env = TestEnv::with_user().await;
    let other = env.server_elsewhere().await;
    let pair = env.sign_in().await;
    let seen = async |server: &Accounts| {
        let device = std::sync::Arc::new(laptop());
        let caller = server.authorize(&pair.access_token, &device).await.unwrap();
        caller.user().name.to_string()
    };
    assert_eq!(seen(&other).await, "");
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let (name, none) = (json!("Ada"), Value::Null);
    env.accounts
        .update_profile(&caller, &name, &none)
        .await
        .unwrap();
    assert_eq!(seen(&env.accounts).await, "Ada");
    assert_eq!(seen(&other).await, "Ada");
    env.execute("UPDATE users SET name = 'Lovelace'").await;
    assert_eq!(seen(&other).await, "Lovelace");
}

#[tokio::test]
async fn a_name_waits_with_a_registration() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    let name = Some("Ada");
    let device = laptop();
    let registered = server.register_named(EMAIL.into(), PASSWORD.into(), name, &device);
    registered.await.unwrap();
    let user = server.verify_user(EMAIL.into()).await.unwrap();
    assert_eq!(&*user.name, "Ada");
    let too_long = "x".repeat(101);
    let refused = server.register_named(None, PASSWORD.into(), Some(&too_long), &device);
    let Err(Error::Fields(fields)) = refused.await else {
        panic!("it was accepted");
    };
    assert_eq!(fields.into_keys().collect::<Vec<_>>(), ["email", "name"]);
}

#[tokio::test]
async fn roles_are_in_access_tokens_from_the_next_renewal_on() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    assert_eq!(claims(&pair.access_token)["roles"], json!([]));
    assert_eq!(claims(&pair.refresh_token).get("roles"), None);
    assert_eq!(
        grant(&env.accounts, &["editor", "beta"], &[]).await,
        ["beta", "editor"]
    );
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(
        claims(&pair.access_token)["roles"],
        json!(["beta", "editor"])
    );
    // A role that is taken away is not confirmed from then on.
    assert_eq!(
        grant(&env.accounts, &["new"], &["editor", "none"]).await,
        ["beta", "new"]
    );
    let verified = env
        .accounts
        .verify((&*pair.access_token).into())
        .await
        .unwrap();
    assert_eq!(verified.roles, Some(vec!["beta".to_owned()]));
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(claims(&pair.access_token)["roles"], json!(["beta", "new"]));
}

/// Other services are told the second, and no token with the role has it or a later one.
#[tokio::test]
async fn tokens_are_issued_after_a_role_was_taken_away() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    let issued = |token: &str| claims(token)["iat"].as_i64().unwrap();
    let before = issued(&pair.access_token);
    // The database has a clock of its own, which counts for nothing if it is far ahead.
    grant(&env.accounts, &["editor"], &[]).await;
    grant(&env.accounts, &[], &["editor"]).await;
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(issued(&pair.access_token), before);
    let since = before + 2;
    env.execute_text(format!("UPDATE users SET roles_since = {since}"))
        .await;
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(issued(&pair.access_token), since);
    env.authorize(&pair.access_token).await.unwrap();
    env.clock.advance(MINUTE);
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(issued(&pair.access_token), before + 60);
}

#[tokio::test]
async fn an_export_has_everything_but_secrets() {
    let env = TestEnv::with_user().await;
    env.turn_on_second_factor().await;
    let pair = env.sign_in().await;
    env.execute("UPDATE users SET otp_enabled = FALSE").await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let exported = env.accounts.export(&caller).await.unwrap();
    assert_eq!(&*exported.user.email, EMAIL);
    assert_eq!(exported.sessions.len(), 2);
    assert_eq!(exported.recovery_codes.left, 10);
    assert_eq!(exported.events.last().unwrap().event, "registered");
    assert_eq!(exported.links[0].purpose, "activation");
}

#[tokio::test]
async fn a_second_proof_renews_the_time_of_the_sign_in() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    let time = |token: &str| claims(token)["auth_time"].as_i64().unwrap();
    let signed_in = time(&pair.access_token);
    assert_eq!(
        signed_in,
        claims(&pair.access_token)["iat"].as_i64().unwrap()
    );
    env.clock.advance(HOUR);
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    assert_eq!(time(&pair.access_token), signed_in);
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let again = async |password: Option<&str>, code: Option<&str>| {
        let pair = env.accounts.reauthenticate(&caller, password, code).await;
        pair.map_err(why)
    };
    assert_eq!(again(None, None).await.err(), Some("fields"));
    assert_eq!(again(Some("wrong"), None).await.err(), Some("fields"));
    let renewed = again(Some(PASSWORD), None).await.unwrap();
    assert_eq!(time(&renewed.access_token), signed_in + 3600);
    // It stays so, and is the same session.
    env.clock.advance(SECOND);
    let renewed = env.refresh(&renewed.refresh_token).await.unwrap();
    assert_eq!(time(&renewed.access_token), signed_in + 3600);
    assert_eq!(
        claims(&renewed.access_token)["sid"],
        claims(&pair.access_token)["sid"]
    );
}

#[tokio::test]
async fn a_second_proof_takes_the_second_factor_where_there_is_one() {
    let env = TestEnv::with_user().await;
    let (app, _) = env.turn_on_second_factor().await;
    env.clock.advance(MINUTE);
    let pair = env.sign_in().await;
    let device = std::sync::Arc::new(laptop());
    let pending = env
        .accounts
        .identify(&pair.access_token, &device)
        .await
        .unwrap();
    let passed = env
        .accounts
        .pass_totp(&pending, Some(&env.code(&app)))
        .await
        .unwrap();
    let caller = env.authorize(&passed.access_token).await.unwrap();
    env.clock.advance(HOUR);
    let again = async |code: Option<&str>| {
        let pair = env
            .accounts
            .reauthenticate(&caller, PASSWORD.into(), code)
            .await;
        pair.map_err(why)
    };
    assert_eq!(again(None).await.err(), Some("fields"));
    assert_eq!(again(Some("000000")).await.err(), Some("fields"));
    let renewed = again(Some(&env.code(&app))).await.unwrap();
    let claims = claims(&renewed.access_token);
    assert_eq!(claims["amr"], json!(["pwd", "otp"]));
    assert_eq!(claims["auth_time"], claims["iat"]);
}

#[tokio::test]
async fn users_from_before_have_no_roles_and_keep_everything() {
    let env = TestEnv::before_migration("0034").await;
    env.execute(
        "INSERT INTO users (id, email, password_hash, is_admin, email_verified, jwt_secret, date_joined)
        VALUES ('6f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32', 'Ada@example.com', 'x', TRUE, TRUE,
            '5d2e9a61-6b0c-4f4e-9d57-0a4b1c8e7f32', '2026-02-01T12:00:00.000Z')",
    )
    .await;
    env.execute(
        "INSERT INTO sessions
            (id, user_id, refresh_id, created_at, last_used_at, expires_at, ip, user_agent)
        VALUES ('7f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32', '6f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32',
            '8f8b8c1e-0d5c-4f0e-9f5f-0a4b1c8e7f32', '2026-02-02T12:00:00.000Z',
            '2026-02-28T12:00:00.000Z', '2026-05-01T12:00:00.000Z', '127.0.0.1', 'Laptop')",
    )
    .await;
    env.run_migrations(|name| name >= "0034").await;
    let user = env.accounts.user_details(EMAIL.into()).await.unwrap();
    assert!(user.is_admin && user.email_verified && user.is_active);
    assert_eq!((&*user.name, user.roles.to_vec().len()), ("", 0));
    assert_eq!((&*user.metadata, &*user.app_metadata), ("{}", "{}"));
    // They are found by the new index, too.
    let fields = accounts::UserListFields {
        search: Some("ADA@ex"),
        ..accounts::UserListFields::default()
    };
    let operator = accounts::Administrator::operator();
    let page = env.accounts.list_users(&operator, &fields).await.unwrap();
    assert_eq!(page.users.len(), 1);
    let id = user.id.to_string();
    let sessions = env.accounts.sessions_of(&operator, &id).await.unwrap();
    assert_eq!(sessions.len(), 1);
}
