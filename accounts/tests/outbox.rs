//! The outbox over time.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use stage::{DAY, EMAIL, MINUTE, NEW_SECRET, TestEnv};

#[tokio::test]
async fn a_mail_is_tried_for_24_hours() {
    let stage = TestEnv::with_user().await;
    stage.clock.advance(DAY - MINUTE);
    stage.try_mails_in_vain().await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.advance(MINUTE);
    stage.execute("UPDATE outbox SET due_at = created_at").await;
    stage.try_mails_in_vain().await;
    assert_eq!(stage.rows("outbox").await, 0);
}

#[tokio::test]
async fn a_mail_that_failed_is_sent_later() {
    let stage = TestEnv::with_user().await;
    stage.try_mails_in_vain().await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.advance(MINUTE);
    let mails = stage.mails().await;
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, EMAIL);
}

/// While servers are given another master secret one by one, each has mails that others can't read.
#[tokio::test]
async fn a_mail_that_one_server_can_not_read_is_left_for_another() {
    let stage = TestEnv::with_user().await;
    stage.try_mails_in_vain().await;
    stage.clock.advance(MINUTE);
    let other = stage.server(NEW_SECRET, "m=64,t=1,p=1");
    stage.try_mails_in_vain_by(&other).await;
    assert_eq!(stage.rows("outbox").await, 1);
    stage.clock.advance(2 * MINUTE);
    assert_eq!(stage.mails().await.len(), 1);
}
