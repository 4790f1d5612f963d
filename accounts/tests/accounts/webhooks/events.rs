//! Which events are reported, in what order, and what is in them.

use std::collections::BTreeSet;

use accounts::{ImportedFields, UserFields};
use serde_json::{Value, json};

use super::{Stage, all_events, assert_signed, events};
use crate::support::{DAY, EMAIL, MINUTE, PASSWORD, laptop, on_laptop, receiver::Received};

const OTHER_PASSWORD: &str = "another horse battery";

#[tokio::test]
async fn everything_that_happens_to_a_user_is_reported_in_order() {
    let stage = Stage::new().await;
    let (env, accounts) = (&stage.env, &stage.env.accounts);
    let (_, secret) = stage.webhook("/hook?key=1", all_events()).await;
    let device = laptop();
    accounts
        .register("grace@example.com".into(), PASSWORD.into(), &device)
        .await
        .unwrap();
    let grace = accounts.login("grace@example.com".into(), PASSWORD.into(), &device);
    let grace = grace.await.unwrap().tokens;
    // Neither renewing tokens nor a failed sign-in is an event.
    let grace = env.refresh(&grace.refresh_token).await.unwrap();
    let failed = accounts.login("grace@example.com".into(), "wrong".into(), &device);
    assert!(failed.await.is_err());
    env.execute("UPDATE users SET email_verified = TRUE").await;
    let caller = env.authorize(&grace.access_token).await.unwrap();
    let other = accounts.login("grace@example.com".into(), PASSWORD.into(), &device);
    other.await.unwrap();
    accounts
        .change_password(&caller, PASSWORD.into(), OTHER_PASSWORD.into())
        .await
        .unwrap();
    let id = env.id_of("grace@example.com").await;
    accounts
        .delete_managed_user(&stage.root, &id)
        .await
        .unwrap();
    let received = stage.deliver().await;
    assert_eq!(
        events(&received),
        [
            "user.created",
            "session.created",
            "user.verified",
            "session.created",
            "password.changed",
            "session.ended",
            "user.deleted",
        ]
    );
    let mut ids = BTreeSet::new();
    for request in &received {
        assert_eq!(request.path, "/hook?key=1");
        assert_eq!(request.header("content-type"), "application/json");
        assert!(ids.insert(request.header("webhook-id").to_owned()));
        assert_signed(request, &secret);
        assert_eq!(request.json()["data"]["id"], json!(id_of(&received)));
        for secret in ["argon2", "password_hash", "jwt_secret", "eyJ"] {
            assert!(!request.body.contains(secret), "{}", request.body);
        }
    }
    let session = |index: usize| received[index].json()["data"]["session_id"].clone();
    assert_eq!(session(1), json!(caller.session_id.to_string()));
    assert_eq!(session(3), session(5));
    assert_eq!(session(0), Value::Null);
    assert!(stage.deliver().await.is_empty());
}

fn id_of(received: &[Received]) -> String {
    let id = &received[0].json()["data"]["id"];
    id.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_second_factor_is_reported_with_the_sessions_that_it_ends() {
    let stage = Stage::new().await;
    let (env, accounts) = (&stage.env, &stage.env.accounts);
    stage.webhook("/", all_events()).await;
    env.sign_in().await;
    // Signs in again for that.
    let (app, _) = env.turn_on_second_factor().await;
    let received = stage.deliver().await;
    let turned_on = [
        "session.created",
        "session.created",
        "otp.enabled",
        "session.ended",
    ];
    assert_eq!(events(&received), turned_on);
    let session = |event: &Received| event.json()["data"]["session_id"].clone();
    assert_eq!(session(&received[0]), session(&received[3]));

    // A session that lacks the second factor is none yet.
    let pending = env.sign_in().await;
    assert!(stage.deliver().await.is_empty());
    env.clock.advance(MINUTE);
    let device = on_laptop();
    let caller = accounts.identify(&pending.access_token, &device).await;
    let caller = caller.unwrap();
    let code = env.code(&app);
    let passed = accounts.pass_totp(&caller, (&*code).into()).await;
    let passed = passed.unwrap();
    assert_eq!(events(&stage.deliver().await), ["session.created"]);
    let caller = env.authorize(&passed.access_token).await.unwrap();
    accounts
        .delete_totp(&caller, PASSWORD.into())
        .await
        .unwrap();
    let received = events(&stage.deliver().await);
    assert_eq!(received[0], "otp.disabled");
    assert!(received[1..].iter().all(|event| event == "session.ended"));
    env.clock.advance(91 * DAY);
    accounts.clean_up().await.unwrap();
    let received = events(&stage.deliver().await);
    assert!(
        received.contains(&"session.ended".to_owned()),
        "{received:?}"
    );
}

#[tokio::test]
async fn the_user_is_reported_as_administrators_see_it() {
    let stage = Stage::new().await;
    stage.webhook("/", json!("user.updated")).await;
    let id = stage.env.id_of(EMAIL).await;
    let fields = UserFields {
        name: json!("Ada \"L\" Ünï"),
        roles: json!(["writer", "editor"]),
        metadata: json!({"a": [1, null, "\u{1}"]}),
        app_metadata: json!({"plan": "pro"}),
        ..UserFields::default()
    };
    let changed = stage.env.accounts.change_user(&stage.root, &id, &fields);
    let user = changed.await.unwrap();
    let received = stage.deliver().await;
    assert_eq!(received.len(), 1);
    let message = received[0].json();
    let fields: Vec<_> = message.as_object().unwrap().keys().collect();
    assert_eq!(fields.len(), 3, "{fields:?}");
    assert!(message["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(
        message["data"],
        json!({
            "id": id,
            "email": EMAIL,
            "name": "Ada \"L\" Ünï",
            "roles": ["editor", "writer"],
            "is_active": true,
            "is_admin": false,
            "email_verified": true,
            "otp_enabled": false,
            "date_joined": user.date_joined.to_string(),
            "last_login": null,
            "metadata": {"a": [1, null, "\u{1}"]},
            "app_metadata": {"plan": "pro"},
            "version": user.version(),
        })
    );
}

#[tokio::test]
async fn a_webhook_reports_what_it_was_created_for_while_it_is_active() {
    let stage = Stage::new().await;
    let accounts = &stage.env.accounts;
    stage.rename("before").await;
    assert_eq!(stage.env.rows("webhook_deliveries").await, 0);
    let (webhook, _) = stage
        .webhook("/a", json!(["session.created", "user.updated"]))
        .await;
    let (other, _) = stage.webhook("/b", json!(["session.created"])).await;
    stage.rename("Ada").await;
    stage.env.sign_in().await;
    let received = stage.deliver().await;
    let on = |path: &str| {
        let on_path = received.iter().filter(|request| request.path == path);
        on_path.map(Received::event).collect::<Vec<_>>()
    };
    assert_eq!(on("/a"), ["user.updated", "session.created"]);
    assert_eq!(on("/b"), ["session.created"]);

    // What waits is canceled, and nothing new is written.
    stage.env.sign_in().await;
    stage.activate(&webhook, false).await;
    let id = other.id.to_string();
    accounts.delete_webhook(&stage.root, &id).await.unwrap();
    stage.env.sign_in().await;
    assert!(stage.deliver().await.is_empty());
    let statuses: Vec<_> = stage.log(&webhook).await;
    let statuses: Vec<_> = statuses.iter().map(|one| &*one.status).collect();
    assert_eq!(statuses, ["canceled", "delivered", "delivered"]);
    stage.activate(&webhook, true).await;
    stage.rename("Ada L").await;
    assert_eq!(events(&stage.deliver().await), ["user.updated"]);
}

#[tokio::test]
async fn what_was_reported_about_a_deleted_user_is_forgotten() {
    let stage = Stage::new().await;
    let (webhook, _) = stage
        .webhook("/", json!(["user.updated", "user.deleted"]))
        .await;
    let id = stage.env.id_of(EMAIL).await;
    stage.rename("one").await;
    stage.deliver().await;
    stage.rename("two").await;
    let deleted = stage.env.accounts.delete_managed_user(&stage.root, &id);
    deleted.await.unwrap();
    let received = stage.deliver().await;
    assert_eq!(events(&received), ["user.updated", "user.deleted"]);
    assert_eq!(received[1].json()["data"]["email"], EMAIL);
    let log = stage.log(&webhook).await;
    assert_eq!(log.len(), 2);
    let about = "webhook_deliveries WHERE user_data LIKE '%ada@example%'";
    assert_eq!(stage.env.rows(about).await, 0);
    let webhook = webhook.id.to_string();
    let accounts = &stage.env.accounts;
    let delivery = log[0].id.to_string();
    let again = accounts.redeliver_webhook(&stage.root, &webhook, &delivery);
    again.await.unwrap();
    let received = stage.deliver().await;
    assert_eq!(received[0].json()["data"], json!({"id": id}));
    assert_eq!(received[0].event(), "user.deleted");
}

#[tokio::test]
async fn imported_users_are_reported() {
    let stage = Stage::new().await;
    stage
        .webhook("/", json!(["user.created", "user.verified"]))
        .await;
    let mut user = ImportedFields::default();
    user.set("email", json!("grace@example.com"));
    let mut import = stage.env.accounts.import_users(false, true).await.unwrap();
    import.add(&[user]).await.unwrap();
    let received = stage.deliver().await;
    assert_eq!(events(&received), ["user.created", "user.verified"]);
}
