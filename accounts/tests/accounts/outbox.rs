//! The outbox over time.

use accounts::{AuditEvent, Database};

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
    env.try_to_send_emails_of(&other).await;
    assert_eq!(env.rows("outbox WHERE attempts = 1").await, 1);
    env.clock.advance(2 * MINUTE);
    assert_eq!(env.emails().await.len(), 1);
}

/// A server that dies while it sends an email leaves it to the others when its lease ends.
#[tokio::test]
async fn an_email_that_another_server_sends_is_left_alone_until_its_lease_ends() {
    let env = TestEnv::with_user().await;
    env.execute("UPDATE outbox SET leased_by = id, leased_until = '2026-03-01T12:01:30.000Z'")
        .await;
    // An SQLite file has one server, which ends the leases of earlier runs when it starts.
    if matches!(env.database, Database::Postgres(_)) {
        env.clock.advance(MINUTE);
        env.try_to_send_emails().await;
        assert_eq!(env.rows("outbox").await, 1);
        env.clock.advance(MINUTE);
    }
    assert_eq!(env.emails().await.len(), 1);
}

/// The user is told, and an email for nobody is not kept.
#[tokio::test]
async fn an_email_that_was_never_sent_is_recorded() {
    let env = TestEnv::with_user().await;
    env.clock.advance(DAY);
    env.fail_to_send_emails().await;
    assert_eq!(env.rows("outbox").await, 0);
    let events = env.accounts.audit(Some(EMAIL), 50).await.unwrap();
    let undeliverable = |event: &&AuditEvent| event.event == "email_undeliverable";
    assert_eq!(events.iter().filter(undeliverable).count(), 1);
}
