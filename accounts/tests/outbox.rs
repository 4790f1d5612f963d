//! The outbox over time.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::time::Duration;

use accounts::{MailSender, MailTransport};
use stage::{DAY, EMAIL, MINUTE, Stage};

/// Has the mails tried at a mail server that is not there, until none is due.
async fn try_in_vain(stage: &Stage) {
    let nowhere = "smtp://127.0.0.1:1".parse().unwrap();
    let transport = MailTransport::smtp(&nowhere).unwrap();
    let from = "Latchkey <no-reply@localhost>".parse().unwrap();
    let url = "https://accounts.example.com".to_owned();
    let sender = MailSender::new(stage.accounts.clone(), transport, from, url);
    let stop = tokio::time::sleep(Duration::from_millis(300));
    sender.run(stop).await;
}

#[tokio::test]
async fn a_mail_is_tried_for_24_hours() {
    let stage = Stage::with_user().await;
    stage.clock.advance(DAY - MINUTE);
    try_in_vain(&stage).await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.advance(MINUTE);
    stage.execute("UPDATE outbox SET due_at = created_at").await;
    try_in_vain(&stage).await;
    assert_eq!(stage.rows("outbox").await, 0);
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_later() {
    let stage = Stage::with_user().await;
    try_in_vain(&stage).await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.advance(MINUTE);
    let mails = stage.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, EMAIL);
}
