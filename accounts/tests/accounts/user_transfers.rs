//! Importing users with password hashes from elsewhere, and exporting them.

use accounts::{EmailProof, Error, ImportResult, ImportedFields, RegistrationPolicy};
use serde_json::{Value, json};

use crate::support::{EMAIL, NEW_SECRET, PASSWORD, TestEnv, laptop};

/// Made by Django, of "open sesame".
const DJANGO: &str = "pbkdf2_sha256$2$saltsalt$pkrRe3wmjjFNvdznO+05fULN+4b2VLK5c5bh1ihd7Vw=";
const DJANGO_PASSWORD: &str = "open sesame";

fn fields(object: Value) -> ImportedFields {
    let Value::Object(object) = object else {
        panic!("{object}");
    };
    let mut fields = ImportedFields::default();
    for (name, value) in object {
        assert!(fields.set(&name, value), "{name}");
    }
    fields
}

fn shown(result: &ImportResult) -> String {
    match result {
        ImportResult::Imported => "imported".to_owned(),
        ImportResult::Exists => "exists".to_owned(),
        ImportResult::Rejected(Error::Fields(fields)) => {
            fields.keys().copied().collect::<Vec<_>>().join(" ")
        }
        ImportResult::Rejected(error) => panic!("{error}"),
    }
}

/// Imports users in one batch.
async fn import(env: &TestEnv, users: &[Value]) -> Vec<String> {
    let users: Vec<_> = users.iter().cloned().map(fields).collect();
    let mut run = env.accounts.import_users(false, false).await.unwrap();
    let results = run.add(&users).await;
    results.unwrap().iter().map(shown).collect()
}

/// Everything that an export has about all users.
async fn export(env: &TestEnv) -> Vec<Value> {
    let mut users = Vec::new();
    let mut after = None;
    loop {
        let page = env.accounts.exported_users(after, 2).await.unwrap();
        let Some(last) = page.last() else {
            return users;
        };
        after = Some(last.user.id);
        users.extend(page.iter().map(|user| serde_json::to_value(user).unwrap()));
    }
}

async fn signs_in(env: &TestEnv, email: &str, password: &str) -> bool {
    let device = laptop();
    let signed_in = env.accounts.login(email.into(), password.into(), &device);
    match signed_in.await {
        Ok(_) => true,
        Err(Error::InvalidCredentials) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn an_imported_user_signs_in_and_gets_a_new_hash() {
    let env = TestEnv::new().await;
    let id = "0d5e1c3a-6a5e-4d0b-9c59-0f5a3f4f5a11";
    let user = json!({
        "email": "Ada@example.com", "id": id, "password_hash": DJANGO, "name": " Ada ", "roles": ["editor"],
        "is_admin": true, "email_verified": true, "date_joined": "2020-01-02T03:04:05+01:00",
        "last_login": "2021-01-02T03:04:05Z", "metadata": {"a": 1}, "app_metadata": {"b": [2]},
    });
    assert_eq!(import(&env, &[user]).await, ["imported"]);
    let expected = json!({
        "email": "Ada@example.com", "id": id, "password_hash": DJANGO, "name": "Ada", "roles": ["editor"],
        "is_active": true, "is_admin": true, "email_verified": true,
        "date_joined": "2020-01-02T02:04:05.000Z", "last_login": "2021-01-02T03:04:05.000Z",
        "metadata": {"a": 1}, "app_metadata": {"b": [2]},
    });
    assert_eq!(export(&env).await, [expected]);
    let events = env.accounts.audit(EMAIL.into(), 10).await.unwrap();
    let names: Vec<_> = events.iter().map(|event| &*event.event).collect();
    assert_eq!(names, ["operator_created"]);

    assert!(!signs_in(&env, EMAIL, PASSWORD).await);
    assert_eq!(export(&env).await[0]["password_hash"], DJANGO);
    assert!(signs_in(&env, EMAIL, DJANGO_PASSWORD).await);
    let hash = export(&env).await[0]["password_hash"].clone();
    assert!(
        hash.as_str().unwrap().starts_with("$argon2id$v=19$m=64,"),
        "{hash}"
    );
    assert!(signs_in(&env, EMAIL, DJANGO_PASSWORD).await);
    assert_eq!(export(&env).await[0]["password_hash"], hash);
}

#[tokio::test]
async fn a_hash_from_elsewhere_confirms_changes() {
    let env = TestEnv::new().await;
    let user = json!({"email": EMAIL, "password_hash": DJANGO, "email_verified": true});
    import(&env, &[user]).await;
    let device = laptop();
    let pair = env
        .accounts
        .login(EMAIL.into(), DJANGO_PASSWORD.into(), &device);
    let token = pair.await.unwrap().tokens.access_token;
    // As if another server had imported it again in the meantime.
    env.execute_text(format!("UPDATE users SET password_hash = '{DJANGO}'"))
        .await;
    let caller = env.authorize(&token).await.unwrap();
    let again = env
        .accounts
        .reauthenticate(&caller, DJANGO_PASSWORD.into(), None);
    again.await.unwrap();
    let wrong = env
        .accounts
        .change_password(&caller, "wrong".into(), PASSWORD.into());
    assert!(matches!(wrong.await, Err(Error::Fields(_))));
    let changed = env
        .accounts
        .change_password(&caller, DJANGO_PASSWORD.into(), PASSWORD.into());
    changed.await.unwrap();
    assert!(signs_in(&env, EMAIL, PASSWORD).await);
    assert!(!signs_in(&env, EMAIL, DJANGO_PASSWORD).await);
}

#[tokio::test]
async fn users_who_exist_are_left_alone() {
    let env = TestEnv::with_user().await;
    let before = export(&env).await;
    let id = before[0]["id"].clone();
    let imported = [
        json!({"email": "ADA@example.com", "password_hash": DJANGO, "name": "Mallory"}),
        json!({"email": "b@example.com"}),
        json!({"email": "B@example.com"}),
        json!({"email": "c@example.com", "id": id}),
        json!({"email": "d@example.com", "id": "0d5e1c3a-6a5e-4d0b-9c59-0f5a3f4f5a11"}),
        json!({"email": "e@example.com", "id": "0d5e1c3a-6a5e-4d0b-9c59-0f5a3f4f5a11"}),
        json!({"email": "ä@bücher.example"}),
    ];
    let expected = [
        "exists", "imported", "exists", "id", "imported", "id", "imported",
    ];
    assert_eq!(import(&env, &imported).await, expected);
    let users = export(&env).await;
    assert_eq!(users.len(), 4);
    assert!(users.contains(&before[0]));
    // The same again.
    let again = [
        json!({"email": "Ä@xn--bcher-kva.example"}),
        json!({"email": "f@example.com"}),
    ];
    assert_eq!(import(&env, &again).await, ["exists", "imported"]);
}

/// Values that break the rule of a field.
fn invalid_values() -> [(&'static str, Value); 16] {
    let future = json!("2027-01-02T03:04:05Z");
    let expensive = "$2b$31$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2";
    [
        ("email", json!("nonsense")),
        ("email", json!(1)),
        ("id", json!("1")),
        ("id", json!("00000000-0000-0000-0000-000000000000")),
        (
            "password_hash",
            json!("md5$salt$d41d8cd98f00b204e9800998ecf8427e"),
        ),
        ("password_hash", json!(expensive)),
        ("name", json!("x\0")),
        ("roles", json!(["Editor"])),
        ("is_active", json!("yes")),
        ("is_admin", json!(1)),
        ("email_verified", json!([])),
        ("date_joined", json!("2026-01-02")),
        ("date_joined", future),
        ("last_login", json!(1)),
        ("metadata", json!([])),
        ("app_metadata", json!({"a": "\0"})),
    ]
}

#[tokio::test]
async fn fields_that_break_a_rule_are_named() {
    let env = TestEnv::new().await;
    for (name, value) in invalid_values() {
        let mut user = json!({"email": "a@example.com"});
        user[name] = value;
        assert_eq!(import(&env, &[user]).await, [name]);
    }
    let users = [json!({}), json!({"email": "", "id": "", "name": 1})];
    assert_eq!(import(&env, &users).await, ["email", "email id name"]);
    assert_eq!(export(&env).await, [Value::Null; 0]);
}

#[tokio::test]
async fn what_is_null_is_missing() {
    let env = TestEnv::new().await;
    let mut user = json!({"email": EMAIL});
    for (name, _) in invalid_values() {
        if name != "email" {
            user[name] = Value::Null;
        }
    }
    assert_eq!(import(&env, &[user]).await, ["imported"]);
    let mut users = export(&env).await;
    users[0]["id"] = Value::Null;
    let expected = json!({
        "email": EMAIL, "id": null, "password_hash": null, "name": "", "roles": [], "is_active": true,
        "is_admin": false, "email_verified": false, "date_joined": "2026-03-01T12:00:00.000Z",
        "last_login": null, "metadata": {}, "app_metadata": {},
    });
    assert_eq!(users, [expected]);
}

#[tokio::test]
async fn a_user_without_a_usable_password_can_choose_one_by_email() {
    let env = TestEnv::new().await;
    let user =
        json!({"email": EMAIL, "password_hash": "!d5lOyArlaY0pJ7hAoxSsqwPJ8tCsTyJZD2gIHgqg"});
    assert_eq!(import(&env, &[user]).await, ["imported"]);
    for password in ["!", "", "!d5lOyArlaY0pJ7hAoxSsqwPJ8tCsTyJZD2gIHgqg"] {
        let device = laptop();
        let signed_in = env.accounts.login(EMAIL.into(), password.into(), &device);
        assert!(signed_in.await.is_err(), "{password}");
    }
    assert_eq!(export(&env).await[0]["password_hash"], Value::Null);
    let device = laptop();
    let asked = env.accounts.reset_password(EMAIL.into(), None, &device);
    asked.await.unwrap();
    let token = env.token_to(EMAIL).await;
    let confirmed = env
        .accounts
        .confirm_reset(EmailProof::token(&token), PASSWORD.into(), &device);
    confirmed.await.unwrap();
    assert!(signs_in(&env, EMAIL, PASSWORD).await);
}

#[tokio::test]
async fn an_export_can_be_imported_elsewhere() {
    let env = TestEnv::with_user().await;
    import(
        &env,
        &[
            json!({"email": "b@example.com", "password_hash": DJANGO, "roles": "b,a", "is_active": false}),
            json!({"email": "ä@bücher.example", "metadata": "{\"ü\": [null, 1.5]}", "is_admin": "true"}),
        ],
    )
    .await;
    let users = export(&env).await;
    assert_eq!(users.len(), 3);
    let other = TestEnv::new().await;
    assert_eq!(import(&other, &users).await, ["imported"; 3]);
    assert_eq!(export(&other).await, users);
    assert!(signs_in(&other, EMAIL, PASSWORD).await);
    // A key of one's own: tokens from one are nothing for the other.
    let device = laptop();
    let tokens = env
        .accounts
        .login(EMAIL.into(), PASSWORD.into(), &device)
        .await;
    let token = tokens.unwrap().tokens.access_token;
    assert!(other.authorize(&token).await.is_err());
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let env = TestEnv::with_user().await;
    let before = export(&env).await;
    let mut run = env.accounts.import_users(true, false).await.unwrap();
    let mut batch = async |emails: &[&str]| -> Vec<String> {
        let users: Vec<_> = emails
            .iter()
            .map(|email| fields(json!({"email": email})))
            .collect();
        run.add(&users).await.unwrap().iter().map(shown).collect()
    };
    let results = batch(&[EMAIL, "b@example.com", "nonsense", "c@example.com"]).await;
    assert_eq!(results, ["exists", "imported", "email", "imported"]);
    assert_eq!(
        batch(&["B@example.com", "d@example.com"]).await,
        ["exists", "imported"]
    );
    assert_eq!(export(&env).await, before);
}

#[tokio::test]
async fn registrations_of_an_imported_address_are_removed() {
    let env = TestEnv::new().await;
    let server = env.server_with_activation();
    server
        .register(EMAIL.into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    assert_eq!(env.rows("registrations").await, 1);
    assert_eq!(import(&env, &[json!({"email": EMAIL})]).await, ["imported"]);
    assert_eq!(env.rows("registrations").await, 0);
}

#[tokio::test]
async fn hundreds_of_users_are_imported_at_once() {
    let env = TestEnv::new().await;
    // The policy of registration is for others.
    let server = env.server_with_registration(RegistrationPolicy::Closed);
    let user =
        |number| fields(json!({"email": format!("user-{number}@example.com"), "roles": ["a"]}));
    let mut run = server.import_users(false, true).await.unwrap();
    for batch in 0..3 {
        let users: Vec<_> = (0..200).map(|number| user(batch * 150 + number)).collect();
        let results = run.add(&users).await.unwrap();
        let imported = results
            .iter()
            .filter(|result| matches!(result, ImportResult::Imported));
        assert_eq!(imported.count(), if batch == 0 { 200 } else { 150 });
    }
    assert_eq!(env.rows("users WHERE email_verified").await, 500);
    assert_eq!(env.rows("user_roles").await, 500);
    assert_eq!(env.rows("audit_events").await, 500);
    assert_eq!(run.add(&[]).await.unwrap().len(), 0);
    let other = env.server(NEW_SECRET, "m=64,t=1,p=1");
    assert_eq!(other.exported_users(None, 1000).await.unwrap().len(), 500);
}
