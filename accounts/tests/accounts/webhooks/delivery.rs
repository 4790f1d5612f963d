//! How events are delivered over time, and when a webhook is disabled.

use std::{collections::BTreeSet, time::Duration};

use accounts::{WebhookFields, WebhookWorker};
use languages::Language;
use serde_json::{Value, json};

use super::{ROOT, Stage, assert_signed, events};
use crate::support::{
    DAY, HOUR, MINUTE, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND,
    receiver::{Receiver, Reply},
    why,
};

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
    let german = languages::scope(Some(Language::German), stage.log(&webhook)).await;
    let error = "Die Antwort hatte den Status 500.";
    assert_eq!(german[1].error.as_deref(), Some(error));
    assert_eq!((&*log[1].status, &*log[0].status), ("failed", "canceled"));
    assert_eq!(log[0].attempts, 0);
    let emails = stage.env.emails().await;
    assert_eq!(emails.len(), 1, "{emails:?}");
    assert_eq!(emails[0].to, ROOT);
    assert_eq!(emails[0].subject, "A webhook was disabled");
}

#[tokio::test]
async fn an_event_that_has_failed_can_be_delivered_again() {
    let stage = Stage::new().await;
    let (webhook, _) = stage.webhook("/", json!(["user.updated"])).await;
    stage.receiver.replies(Reply::Status(410));
    stage.rename("Ada").await;
    let first = stage.deliver().await.remove(0);
    assert_eq!(stage.last(&webhook).await.0, "failed");
    let (id, delivery) = (webhook.id.to_string(), first.header("webhook-id"));
    let redeliver = async || {
        let accounts = &stage.env.accounts;
        let requested = accounts.redeliver_webhook(&stage.root, &id, delivery);
        requested.await.map_err(why)
    };
    assert_eq!(redeliver().await, Err("conflict"));
    let activated = stage.activate(&webhook, true).await;
    assert_eq!(
        (activated.disabled_at, activated.disabled_reason),
        (None, None)
    );
    stage.receiver.replies(Reply::Status(500));
    assert_eq!(redeliver().await, Ok(()));
    assert_eq!(stage.deliver().await.len(), 1);
    assert_eq!(stage.last(&webhook).await.1, 1);
    // At once, not after five seconds.
    stage.receiver.replies(Reply::Status(200));
    assert_eq!(redeliver().await, Ok(()));
    let again = stage.deliver().await.remove(0);
    assert_eq!(again.header("webhook-id"), delivery);
    assert_eq!(again.body, first.body);
    let (status, attempts, response, error) = stage.last(&webhook).await;
    assert_eq!((&*status, attempts), ("delivered", 2));
    assert_eq!((response, error), (Some(200), None));
    stage.env.clock.advance(16 * MINUTE);
    assert_eq!(redeliver().await, Err("not recent"));
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
    // Up to eight wait for it at the same time.
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
    assert_signed(&received[0], &secret);
}
