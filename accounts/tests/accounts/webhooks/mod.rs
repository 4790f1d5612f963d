//! Webhooks: which events they report, how often these are attempted, and when a webhook is disabled.

mod delivery;
mod events;

use accounts::{
    Accounts, Administrator, DeliveryListFields, UserFields, Webhook, WebhookDelivery,
    WebhookEvent, WebhookFields, WebhookWorker,
};
use serde_json::{Value, json};
use standardwebhooks::Webhook as Reference;

use crate::support::{
    EMAIL, TestEnv,
    receiver::{Received, Receiver},
};

const ROOT: &str = "root@example.com";

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

/// The reference library makes the same signature.
#[track_caller]
fn assert_signed(request: &Received, secret: &str) {
    let reference = Reference::new(secret).unwrap();
    let id = request.header("webhook-id");
    let timestamp = request.header("webhook-timestamp").parse().unwrap();
    let signature = reference.sign(id, timestamp, request.body.as_bytes());
    assert_eq!(request.header("webhook-signature"), signature.unwrap());
}
