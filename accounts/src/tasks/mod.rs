//! Background tasks of a running server, and the one place that starts and stops them.

mod cleanup;
mod email_sender;
mod email_worker;
mod invalidation_listener;
mod revocation_follower;
mod server_trouble;
mod webhook_worker;

pub use cleanup::Cleanup;
pub use email_worker::EmailWorker;
pub use invalidation_listener::InvalidationListener;
pub use revocation_follower::RevocationFollower;
pub use webhook_worker::WebhookWorker;

use tokio::{sync::oneshot, task::JoinHandle};

use crate::service::Accounts;

/// The running background tasks.
pub struct Tasks {
    accounts: Accounts,
    email_worker: JoinHandle<()>,
    stop_email_worker: Option<oneshot::Sender<()>>,
    webhook_worker: JoinHandle<()>,
    stop_webhook_worker: Option<oneshot::Sender<()>>,
    invalidation_listener: JoinHandle<()>,
    revocation_follower: JoinHandle<()>,
    cleanup: JoinHandle<()>,
}

impl Tasks {
    /// Starts all background tasks. Call it within a Tokio runtime.
    #[must_use]
    pub fn start(accounts: Accounts, email_worker: EmailWorker) -> Self {
        let (stop_email_worker, stop) = oneshot::channel();
        let stop = async {
            let _ = stop.await;
        };
        let (stop_webhook_worker, stop_webhooks) = oneshot::channel();
        let stop_webhooks = async {
            let _ = stop_webhooks.await;
        };
        let webhook_worker = WebhookWorker::new(accounts.clone());
        Self {
            email_worker: tokio::spawn(email_worker.run(stop)),
            stop_email_worker: Some(stop_email_worker),
            webhook_worker: tokio::spawn(webhook_worker.run(stop_webhooks)),
            stop_webhook_worker: Some(stop_webhook_worker),
            invalidation_listener: tokio::spawn(InvalidationListener::new(accounts.clone()).run()),
            revocation_follower: tokio::spawn(RevocationFollower::new(accounts.clone()).run()),
            cleanup: tokio::spawn(Cleanup::new(accounts.clone()).run()),
            accounts,
        }
    }

    /// Tells the workers for emails and webhooks to stop: they finish what is being sent.
    pub fn stop_sending(&mut self) {
        self.stop_email_worker = None;
        self.stop_webhook_worker = None;
    }

    /// Stops all background tasks. Waits until failed sign-ins have been recorded, and up to 8 seconds
    /// for the emails and events that are being sent. Others stay where they are.
    pub async fn stop(mut self) {
        self.stop_sending();
        self.invalidation_listener.abort();
        self.revocation_follower.abort();
        self.cleanup.abort();
        if let Err(error) = self.email_worker.await {
            tracing::error!(%error, "email worker failed");
        }
        if let Err(error) = self.webhook_worker.await {
            tracing::error!(%error, "webhook worker failed");
        }
        self.accounts.write_failed_sign_ins().await;
    }
}
