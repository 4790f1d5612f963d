//! The outbox over time.

use crate::support::{DAY, EMAIL, MINUTE, NEW_SECRET, TestEnv};

#[tokio::test]
async fn an_email_is_tried_for_24_hours() {
    let env = TestEnv::with_user().await;
    env.clock.advance(DAY - MINUTE);
    env.fail_to_send_emails().await;
    assert_eq!(env.rows("outbox").await, 1);
    env.clock.advance(MINUTE);
    env.execute("UPDATE outbox SET due_at = created_at").await;
    env.fail_to_send_emails().await;
    assert_eq!(env.rows("outbox").await, 0);
}

#[tokio::test]
async fn an_email_that_failed_is_sent_later() {
    let env = TestEnv::with_user().await;
    env.fail_to_send_emails().await;
    assert_eq!(env.rows("outbox").await, 1);
    env.clock.advance(MINUTE);
    let emails = env.emails().await;
    assert_eq!(emails.len(), 1);
    assert_eq!(emails[0].to, EMAIL);
}

/// While the master secret is replaced on one server after another, some can't decrypt others' emails.
#[tokio::test]
async fn an_email_that_one_server_can_not_decrypt_is_left_for_another() {
    let env = TestEnv::with_user().await;
    env.fail_to_send_emails().await;
    env.clock.advance(MINUTE);
    let other = env.server(NEW_SECRET, "m=64,t=1,p=1");
    env.fail_to_send_emails_by(&other).await;
    assert_eq!(env.rows("outbox").await, 1);
    env.clock.advance(2 * MINUTE);
    assert_eq!(env.emails().await.len(), 1);
}
