//! Webhooks over time: which events they report, in what order, how often they are attempted, and when a
//! webhook is disabled.

use std::{collections::BTreeSet, time::Duration};

use accounts::{
    Accounts, Administrator, DeliveryListFields, UserFields, Webhook, WebhookDelivery,
    WebhookEvent, WebhookFields, WebhookWorker,
};
use serde_json::{Value, json};
use standardwebhooks::Webhook as Reference;

use crate::support::{
    DAY, EMAIL, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop, on_laptop,
    receiver::{Received, Receiver, Reply},
    why,
};

const ROOT: &str = "root@example.com";
const OTHER_PASSWORD: &str = "another horse battery";

/// The scene of a test: an administrator, a user and a receiver.
struct Stage {
    env: TestEnv,
    root: Administrator,
    receiver: Receiver,
}

impl Stage {
    async fn new() -> Self {
        let env = TestEnv::with_user().await;
        env.administrator(ROOT).await;
        env.verify_users().await;
        let root = env.sign_in_as_administrator(ROOT).await;
        env.emails().await;
        Self {
            env,
            root,
            receiver: Receiver::start(),
        }
    }

    /// Creates a webhook that reports these events. Returns it with its secret.
    async fn webhook(&self, path: &str, events: Value) -> (Webhook, String) {
        self.webhook_to(&self.receiver.url(path), events).await
    }

    async fn webhook_to(&self, url: &str, events: Value) -> (Webhook, String) {
        let fields = WebhookFields {
            url: json!(url),
            events,
            is_active: Value::Null,
        };
        let created = self.env.accounts.create_webhook(&self.root, &fields);
        created.await.unwrap()
    }

    /// Delivers what is due, and returns what the receiver got.
    async fn deliver(&self) -> Vec<Received> {
        self.deliver_by(&self.env.accounts).await
    }

    async fn deliver_by(&self, accounts: &Accounts) -> Vec<Received> {
        let mut worker = WebhookWorker::new(accounts.clone());
        worker.deliver_due().await.unwrap();
        self.receiver.take()
    }

    /// Changes the name of the user: the event `user.updated`.
    async fn rename(&self, name: &str) {
        let id = self.env.id_of(EMAIL).await;
        let fields = UserFields {
            name: json!(name),
            ..UserFields::default()
        };
        let changed = self.env.accounts.change_user(&self.root, &id, &fields);
        changed.await.unwrap();
    }

    async fn find(&self, webhook: &Webhook) -> Webhook {
        let webhooks = self.env.accounts.webhooks(&self.root).await.unwrap();
        let mut webhooks = webhooks.into_iter();
        webhooks.find(|found| found.id == webhook.id).unwrap()
    }

    /// The deliveries of a webhook, newest first.
    async fn log(&self, webhook: &Webhook) -> Vec<WebhookDelivery> {
        let (id, fields) = (webhook.id.to_string(), DeliveryListFields::default());
        let accounts = &self.env.accounts;
        let page = accounts.webhook_deliveries(&self.root, &id, &fields).await;
        page.unwrap().deliveries
    }

    /// The state of the last delivery.
    async fn last(&self, webhook: &Webhook) -> (String, i32, Option<i32>, Option<String>) {
        let last = self.log(webhook).await.remove(0);
        (last.status, last.attempts, last.response_status, last.error)
    }

    async fn activate(&self, webhook: &Webhook, is_active: bool) -> Webhook {
        let fields = WebhookFields {
            is_active: json!(is_active),
            ..WebhookFields::default()
        };
        let id = webhook.id.to_string();
        let changed = self.env.accounts.change_webhook(&self.root, &id, &fields);
        changed.await.unwrap()
    }
}

fn all_events() -> Value {
    json!(WebhookEvent::ALL.map(WebhookEvent::as_str))
}

fn events(received: &[Received]) -> Vec<String> {
    received.iter().map(Received::event).collect()
}

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
    let reference = Reference::new(&secret).unwrap();
    let mut ids = BTreeSet::new();
    for request in &received {
        assert_eq!(request.path, "/hook?key=1");
        assert_eq!(request.header("content-type"), "application/json");
        let id = request.header("webhook-id");
        assert!(ids.insert(id.to_owned()));
        let timestamp = request.header("webhook-timestamp").parse().unwrap();
        let signature = reference.sign(id, timestamp, request.body.as_bytes());
        assert_eq!(request.header("webhook-signature"), signature.unwrap());
        assert_eq!(request.json()["data"]["id"], json!(id_of(&received)));
        for secret in [
            "argon2",
            "password_hash",
            "jwt_secret",
            &*grace.access_token,
        ] {
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
    // Signs in once more for that.
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
async fn an_event_is_attempted_for_three_days_and_then_the_webhook_is_disabled() {
    let stage = Stage::new().await;
    let clock = &stage.env.clock;
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage.receiver.replies(Reply::Status(500));
    stage.rename("first").await;
    stage.rename("second").await;
    let mut pauses = vec![5 * SECOND, 30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR];
    pauses.resize(16, 6 * HOUR);
    let passed: Duration = pauses.iter().sum();
    pauses.push(3 * DAY - passed);
    let received = stage.deliver().await;
    assert_eq!(received.len(), 1);
    let first = received[0].clone();
    for (attempt, pause) in (2..).zip(&pauses) {
        clock.advance(*pause - Duration::from_millis(1));
        assert!(stage.deliver().await.is_empty(), "attempt {attempt}");
        assert!(stage.find(&webhook).await.is_active);
        clock.advance(Duration::from_millis(1));
        let received = stage.deliver().await;
        assert_eq!(received.len(), 1, "attempt {attempt}");
        // The same message, which is signed at another time.
        assert_eq!(received[0].body, first.body);
        assert_eq!(received[0].header("webhook-id"), first.header("webhook-id"));
        assert_ne!(
            received[0].header("webhook-signature"),
            first.header("webhook-signature")
        );
    }
    let disabled = stage.find(&webhook).await;
    assert!(!disabled.is_active);
    assert_eq!(disabled.disabled_at, Some(accounts::Clock::now(clock)));
    assert_eq!(disabled.disabled_reason.as_deref(), Some("failing"));
    let log = stage.log(&webhook).await;
    assert_eq!(log[1].attempts, 18);
    let error = "The response had status 500.";
    assert_eq!(log[1].error.as_deref(), Some(error));
    assert_eq!((&*log[1].status, &*log[0].status), ("failed", "canceled"));
    assert_eq!(log[0].attempts, 0);
    let emails = stage.env.emails().await;
    assert_eq!(emails.len(), 1, "{emails:?}");
    assert_eq!(emails[0].to, ROOT);
    assert_eq!(emails[0].subject, "A webhook was disabled");

    // Delivered again, it begins anew.
    let (id, delivery) = (webhook.id.to_string(), log[1].id.to_string());
    let redeliver = async || {
        let accounts = &stage.env.accounts;
        let requested = accounts.redeliver_webhook(&stage.root, &id, &delivery);
        requested.await.map_err(why)
    };
    // The sign-in is three days old.
    assert_eq!(redeliver().await, Err("not recent"));
    let stage = Stage {
        root: stage.env.sign_in_as_administrator(ROOT).await,
        ..stage
    };
    let accounts = &stage.env.accounts;
    let again = accounts.redeliver_webhook(&stage.root, &id, &delivery);
    assert_eq!(again.await.map_err(why), Err("conflict"));
    let activated = stage.activate(&webhook, true).await;
    assert_eq!(
        (activated.disabled_at, activated.disabled_reason),
        (None, None)
    );
    stage.receiver.replies(Reply::Status(200));
    let again = accounts.redeliver_webhook(&stage.root, &id, &delivery);
    assert_eq!(again.await.map_err(why), Ok(()));
    let received = stage.deliver().await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].header("webhook-id"), first.header("webhook-id"));
    let log = stage.log(&webhook).await;
    assert_eq!((&*log[1].status, log[1].attempts), ("delivered", 1));
}

#[tokio::test]
async fn later_events_of_a_user_wait_for_the_earlier_ones() {
    let stage = Stage::new().await;
    stage
        .webhook("/", json!(["user.updated", "session.created"]))
        .await;
    stage.receiver.replies(Reply::Status(503));
    stage.rename("one").await;
    assert_eq!(stage.deliver().await.len(), 1);
    stage.rename("two").await;
    stage.rename("three").await;
    stage.receiver.replies(Reply::Status(200));
    // Somebody else's events don't.
    stage.env.sign_in_as_administrator(ROOT).await;
    assert_eq!(events(&stage.deliver().await), ["session.created"]);
    stage.env.clock.advance(5 * SECOND);
    let received = stage.deliver().await;
    let names: Vec<_> = received
        .iter()
        .map(|request| request.json()["data"]["name"].clone())
        .collect();
    assert_eq!(names, ["one", "two", "three"]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_disables_the_webhook_at_once() {
    let stage = Stage::new().await;
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage.receiver.replies(Reply::Status(410));
    stage.rename("Ada").await;
    assert_eq!(stage.deliver().await.len(), 1);
    let disabled = stage.find(&webhook).await;
    assert_eq!(disabled.disabled_reason.as_deref(), Some("gone"));
    assert_eq!(stage.env.emails().await.len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed_and_closed_connections_are_failures() {
    let stage = Stage::new().await;
    let elsewhere = Receiver::start();
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage.receiver.replies(Reply::Redirect(elsewhere.url("/")));
    stage.rename("Ada").await;
    stage.deliver().await;
    let (status, attempts, response, _) = stage.last(&webhook).await;
    assert_eq!((&*status, attempts, response), ("pending", 1, Some(302)));
    assert_eq!(elsewhere.len(), 0);
    stage.receiver.replies(Reply::Close);
    stage.env.clock.advance(5 * SECOND);
    stage.deliver().await;
    let (_, attempts, response, error) = stage.last(&webhook).await;
    assert_eq!((attempts, response), (2, None));
    let expected = "The connection was closed without a valid response.";
    assert_eq!(error.as_deref(), Some(expected));
}

#[tokio::test]
async fn private_addresses_are_refused_unless_they_are_allowed() {
    let stage = Stage::new().await;
    let strict = stage.env.server_without_private_webhooks();
    let create = async |url: String| {
        let fields = WebhookFields {
            url: json!(url),
            events: json!("user.updated"),
            is_active: Value::Null,
        };
        let created = strict.create_webhook(&stage.root, &fields).await;
        created.map(drop).map_err(why)
    };
    let url = stage.receiver.url("/").replace("http:", "https:");
    assert_eq!(create(url).await, Err("fields"));
    let public = "https://example.com/".to_owned();
    assert_eq!(create(public.clone()).await, Ok(()));
    // Another server allowed it, or the setting was changed since.
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage
        .env
        .execute("DELETE FROM webhooks WHERE url = 'https://example.com/'")
        .await;
    stage.rename("Ada").await;
    assert!(stage.deliver_by(&strict).await.is_empty());
    let (status, attempts, response, error) = stage.last(&webhook).await;
    assert_eq!((&*status, attempts, response), ("pending", 1, None));
    assert!(error.is_some());
}

#[tokio::test]
async fn a_receiver_that_hangs_delays_no_other() {
    let stage = Stage::new().await;
    let other = Receiver::start();
    stage.webhook("/", json!(["user.updated"])).await;
    stage
        .webhook_to(&other.url("/"), json!(["user.updated"]))
        .await;
    stage.receiver.replies(Reply::Hang);
    let accounts = stage.env.accounts.clone();
    let worker = WebhookWorker::new(accounts.clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(worker.run(async {
        let _ = stopped.await;
    }));
    for number in 0..20 {
        let email = format!("user{number}@example.com");
        let user = accounts.create_user(Some(&*email), PASSWORD.into(), false);
        user.await.unwrap();
    }
    stage.env.execute("UPDATE users SET name = 'changed'").await;
    let all_arrived = async {
        while other.len() < 22 || stage.receiver.len() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), all_arrived).await;
    assert!(in_time.is_ok(), "{} arrived", other.len());
    // Only so many wait for it at the same time.
    assert_eq!(stage.receiver.len(), 8);
    stage.receiver.replies(Reply::Close);
    drop(stop);
    running.await.unwrap();
}

#[tokio::test]
async fn servers_share_the_work() {
    let stage = Stage::new().await;
    stage.webhook("/", json!(["user.created"])).await;
    for number in 0..40 {
        let email = format!("user{number}@example.com");
        let created = stage
            .env
            .accounts
            .create_user(Some(&*email), PASSWORD.into(), false);
        created.await.unwrap();
    }
    let elsewhere = stage.env.server_elsewhere().await;
    let mut first = WebhookWorker::new(stage.env.accounts.clone());
    let mut second = WebhookWorker::new(elsewhere);
    let (one, two) = tokio::join!(first.deliver_due(), second.deliver_due());
    one.and(two).unwrap();
    let received = stage.receiver.take();
    let ids: BTreeSet<_> = received
        .iter()
        .map(|request| request.header("webhook-id").to_owned())
        .collect();
    assert_eq!((ids.len(), received.len()), (40, 40));
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
async fn too_many_waiting_events_disable_a_webhook() {
    let stage = Stage::new().await;
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage.receiver.replies(Reply::Status(500));
    stage.rename("Ada").await;
    let id = match stage.env.sqlite_file() {
        Some(_) => "lower(hex(randomblob(16)))",
        None => "gen_random_uuid()",
    };
    stage
        .env
        .execute_text(format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100000)
            INSERT INTO webhook_deliveries (id, webhook_id, user_id, event, user_data, due_at)
            SELECT {id}, webhook_id, user_id, event, '{{}}', due_at FROM webhook_deliveries, numbers"
        ))
        .await;
    stage.deliver().await;
    let disabled = stage.find(&webhook).await;
    assert_eq!(disabled.disabled_reason.as_deref(), Some("backlog"));
    let waiting = "webhook_deliveries WHERE status = 'pending'";
    assert_eq!(stage.env.rows(waiting).await, 0);
    assert_eq!(stage.env.emails().await.len(), 1);
}

#[tokio::test]
async fn the_log_is_kept_for_30_days() {
    let stage = Stage::new().await;
    stage.webhook("/", json!(["user.updated"])).await;
    stage.rename("Ada").await;
    stage.deliver().await;
    stage.env.clock.advance(30 * DAY - SECOND);
    stage.env.accounts.clean_up().await.unwrap();
    assert_eq!(stage.env.rows("webhook_deliveries").await, 1);
    stage.env.clock.advance(2 * SECOND);
    stage.env.accounts.clean_up().await.unwrap();
    assert_eq!(stage.env.rows("webhook_deliveries").await, 0);
}

#[tokio::test]
async fn secrets_move_to_a_new_master_secret() {
    let stage = Stage::new().await;
    let (webhook, secret) = stage.webhook("/", json!(["user.updated"])).await;
    stage.rename("Ada").await;
    let later = stage.env.server(NEW_SECRET, "m=64,t=1,p=1");
    assert!(stage.deliver_by(&later).await.is_empty());
    assert_eq!(stage.last(&webhook).await.1, 1);
    let both = format!("{NEW_SECRET},{OLD_SECRET}");
    let between = stage.env.server(&both, "m=64,t=1,p=1");
    between.reencrypt_webhook_secrets().await.unwrap();
    stage.env.clock.advance(5 * SECOND);
    let received = stage.deliver_by(&later).await;
    assert_eq!(received.len(), 1);
    let reference = Reference::new(&secret).unwrap();
    let timestamp = received[0].header("webhook-timestamp").parse().unwrap();
    let id = received[0].header("webhook-id");
    let signature = reference.sign(id, timestamp, received[0].body.as_bytes());
    assert_eq!(received[0].header("webhook-signature"), signature.unwrap());
}
