//! The cleanup of expired rows.

use crate::support::{DAY, HOUR, MINUTE, SECOND, TestEnv};

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

/// Whether the clock jumps while a server runs or before it is started.
#[tokio::test]
async fn a_clock_that_jumps_ahead_deletes_nothing() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    env.refresh(&pair.refresh_token).await.unwrap();
    let rows = async || {
        let mut rows = Vec::new();
        for table in [
            "sessions",
            "retired_refresh_tokens",
            "mailed_tokens",
            "audit_events",
        ] {
            rows.push(env.rows(table).await);
        }
        rows
    };
    let before = rows().await;
    let year = 365 * DAY;
    env.clock.set_ahead(year);
    let started_later = env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1");
    for _ in 0..3 {
        for server in [&env.accounts, &started_later] {
            assert_eq!(server.clean_up().await.unwrap(), 0);
        }
        assert_eq!(rows().await, before);
        // Somebody signs in meanwhile, whose rows have the wrong time.
        env.sign_in().await;
        env.execute("DELETE FROM sessions WHERE last_used_at > '2027-01-01T00:00:00.000Z'")
            .await;
        env.execute("DELETE FROM audit_events WHERE at > '2027-01-01T00:00:00.000Z'")
            .await;
        env.clock.advance(10 * MINUTE);
    }
    // It is set right again.
    env.clock.set_back(year);
    assert_eq!(env.accounts.clean_up().await.unwrap(), 0);
    assert_eq!(rows().await, before);
    env.clock.advance(31 * DAY);
    assert!(env.accounts.clean_up().await.unwrap() > 0);
    assert_eq!(env.rows("sessions").await, 0);
}

/// A server that was off for days is soon sure of its clock.
#[tokio::test]
async fn a_server_that_was_off_cleans_up_after_an_hour() {
    let env = TestEnv::with_user().await;
    env.sign_in().await;
    env.clock.advance(40 * DAY);
    let server = env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1");
    assert_eq!(server.clean_up().await.unwrap(), 0);
    env.clock.advance(HOUR);
    assert!(server.clean_up().await.unwrap() > 0);
    assert_eq!(env.rows("sessions").await, 0);
}

/// A session that was started while the clock was a year ahead does not live for that year.
#[tokio::test]
async fn no_session_lives_longer_because_the_clock_was_ahead() {
    let env = TestEnv::with_user().await;
    let year = 365 * DAY;
    env.clock.set_ahead(year);
    let (used, unused) = (env.sign_in().await, env.sign_in().await);
    env.clock.set_back(year);
    // Clients renew such an access token, and keep their session.
    for pair in [&used, &unused] {
        let seen = env.authorize(&pair.access_token).await;
        assert_eq!(seen.err(), Some("expired"));
    }
    let mut used = env.refresh(&used.refresh_token).await.unwrap();
    env.authorize(&used.access_token).await.unwrap();
    assert_eq!(env.accounts.clean_up().await.unwrap(), 0);
    for _ in 0..4 {
        env.clock.advance(20 * DAY);
        used = env.refresh(&used.refresh_token).await.unwrap();
        env.accounts.clean_up().await.unwrap();
    }
    // The unused one has been idle for 30 days since the clock was right, the other is 90 days old.
    let refused = env.refresh(&unused.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    env.clock.advance(10 * DAY);
    assert!(env.refresh(&used.refresh_token).await.is_err());
    env.accounts.clean_up().await.unwrap();
    assert_eq!(env.rows("sessions").await, 0);
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
    let pair = env.sign_in().await;
    env.execute(insert).await;
    let servers = [
        env.accounts.clone(),
        env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1"),
        env.server(crate::support::OLD_SECRET, "m=64,t=1,p=1"),
    ];
    let tasks = servers.map(|server| tokio::spawn(async move { server.clean_up().await }));
    // Requests are served in the meantime.
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
