//! The cleanup of expired rows.

use crate::support::{DAY, HOUR, SECOND, TestEnv};

#[tokio::test]
async fn expired_rows_are_deleted() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    // One session stays idle, the other is used.
    env.sign_in().await;
    let used = env.sign_in().await;
    let used = env.refresh(&used.refresh_token).await.unwrap();
    assert_eq!(env.rows("retired_refresh_tokens").await, 1);
    assert_eq!(accounts.clean_up().await.unwrap(), 0);

    // At the very end of its grace time, a used token is still needed.
    env.clock.advance(30 * SECOND);
    assert_eq!(accounts.clean_up().await.unwrap(), 0);
    env.clock.advance(SECOND);
    assert_eq!(accounts.clean_up().await.unwrap(), 1);
    assert_eq!(env.rows("retired_refresh_tokens").await, 0);

    assert_eq!(env.rows("mailed_tokens").await, 1);
    env.clock.advance(DAY);
    // With the limit on emails of that kind.
    assert_eq!(accounts.clean_up().await.unwrap(), 2);
    assert_eq!(env.rows("mailed_tokens").await, 0);

    let used = env.refresh(&used.refresh_token).await.unwrap();
    env.clock.advance(30 * DAY - HOUR);
    // The idle session, the used token of the other one, and the count of codes that were tried.
    assert_eq!(accounts.clean_up().await.unwrap(), 3);
    assert_eq!(env.rows("sessions").await, 1);
    let mut last = env.refresh(&used.refresh_token).await.unwrap();
    for _ in 0..2 {
        env.clock.advance(29 * DAY);
        last = env.refresh(&last.refresh_token).await.unwrap();
    }
    assert_eq!(env.rows("sessions").await, 1);
    let events = env.rows("audit_events").await;
    env.clock.advance(2 * DAY);
    accounts.clean_up().await.unwrap();
    // The session has expired after 90 days, and so have the audit events of its first day.
    assert_eq!(env.rows("sessions").await, 0);
    assert_eq!(env.rows("retired_refresh_tokens").await, 0);
    assert!(env.rows("audit_events").await < events);
    assert_eq!(env.rows("users").await, 1);
}

#[tokio::test]
async fn many_rows_are_deleted_in_batches_that_servers_share() {
    let env = TestEnv::with_user().await;
    let insert = match std::env::var("LATCHKEY_TEST_DATABASE").as_deref() {
        Ok("postgres") => {
            "INSERT INTO audit_events (id, user_id, at, event, ip, user_agent)
            SELECT gen_random_uuid(), users.id, '2020-01-01T00:00:00.000Z', 'signed_in', '', ''
            FROM users, generate_series(1, 2600)"
        }
        _ => {
            "WITH RECURSIVE numbers (number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 2600
            )
            INSERT INTO audit_events (id, user_id, at, event, ip, user_agent)
            SELECT 'number ' || number, users.id, '2020-01-01T00:00:00.000Z', 'signed_in', '', ''
            FROM users, numbers"
        }
    };
    env.execute(insert).await;
    let servers = [
        env.accounts.clone(),
        env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1"),
        env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1"),
    ];
    let tasks = servers.map(|server| tokio::spawn(async move { server.clean_up().await }));
    // Requests are served in the meantime.
    let pair = env.sign_in().await;
    env.refresh(&pair.refresh_token).await.unwrap();
    let mut removed = 0;
    for task in tasks {
        removed += task.await.unwrap().unwrap();
    }
    // Servers skip rows that another one has locked; the next round deletes what is left.
    removed += env.accounts.clean_up().await.unwrap();
    assert_eq!(removed, 2600);
    assert_eq!(env.rows("audit_events").await, 2);
}
