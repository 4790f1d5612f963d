//! What the rows of the audit log keep, and for how long.

use crate::{
    audit::events_of,
    support::{DAY, EMAIL, NEW_SECRET, OLD_SECRET, PASSWORD, SECOND, TestEnv, laptop},
};
use accounts::{Clock, Device, Error};

/// Whether they are written together or by different servers.
#[tokio::test]
async fn a_shared_row_keeps_the_first_and_the_last_source() {
    let env = TestEnv::with_user().await;
    for (ip, user_agent) in [
        ("203.0.113.1", "One"),
        ("203.0.113.2", "Two"),
        ("203.0.113.3", "Three"),
    ] {
        for address in [ip, "203.0.113.9"] {
            let device = Device::new(address.parse().unwrap(), user_agent);
            let login = env.accounts.login(EMAIL.into(), "wrong".into(), &device);
            assert!(login.await.is_err());
        }
        env.accounts.write_failed_sign_ins().await;
    }
    let events = events_of(&env, EMAIL).await;
    let failed = events.iter().find(|event| event.event == "sign_in_failed");
    let failed = failed.unwrap();
    assert_eq!(
        (failed.count, &*failed.ip, &*failed.user_agent),
        (6, "203.0.113.9", "Three")
    );
    let first = (
        failed.first_ip.as_deref(),
        failed.first_user_agent.as_deref(),
    );
    assert_eq!(first, (Some("203.0.113.1"), Some("One")));
}

#[tokio::test]
async fn a_user_has_at_most_1000_events() {
    let env = TestEnv::with_user().await;
    let insert = match env.sqlite_file() {
        None => {
            "INSERT INTO audit_events (id, user_id, at, event, ip, user_agent)
            SELECT gen_random_uuid(), users.id, '2026-02-01T00:00:00.000Z', 'signed_in', '', ''
            FROM users, generate_series(1, 1040)"
        }
        Some(_) => {
            "WITH RECURSIVE numbers (number) AS (
                SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1040
            )
            INSERT INTO audit_events (id, user_id, at, event, ip, user_agent)
            SELECT 'number ' || number, users.id, '2026-02-01T00:00:00.000Z', 'signed_in', '', ''
            FROM users, numbers"
        }
    };
    env.execute(insert).await;
    for _ in 0..3 {
        let pair = env.sign_in().await;
        assert_eq!(env.rows("audit_events").await, 1000);
        let caller = env.authorize(&pair.access_token).await.unwrap();
        assert_eq!(env.accounts.activity(&caller).await.unwrap().len(), 50);
        env.clock.advance(SECOND);
    }
    // The oldest were deleted.
    let newest = events_of(&env, EMAIL).await.pop().unwrap();
    assert_eq!(newest.at.to_string(), "2026-03-01T12:00:02.000Z");
}

/// What remains can't be read without knowing the address, and not for longer than other events.
#[tokio::test]
async fn a_deleted_account_leaves_an_event() {
    let env = TestEnv::with_user().await;
    for _ in 0..2 {
        let pair = env.sign_in().await;
        env.clock.advance(SECOND);
        let caller = env.authorize(&pair.access_token).await.unwrap();
        let deleted = env.accounts.delete_user(&caller, PASSWORD.into());
        deleted.await.unwrap();
        let events = events_of(&env, "Ada@Example.com").await;
        let last = events.last().unwrap();
        assert_eq!((&*last.event, &*last.ip), ("account_deleted", "127.0.0.1"));
        assert_eq!(last.at, env.clock.now());
        env.clock.advance(SECOND);
        let device = laptop();
        let created = env
            .accounts
            .register(EMAIL.into(), PASSWORD.into(), &device);
        created.await.unwrap();
    }
    let events = events_of(&env, EMAIL).await;
    let names: Vec<_> = events.iter().map(|event| &*event.event).collect();
    assert_eq!(names, ["account_deleted", "account_deleted", "registered"]);
    // Also after the master secret was replaced.
    let secrets = format!("{NEW_SECRET},{OLD_SECRET}");
    let server = env.server(&secrets, "m=64,t=1,p=1");
    assert_eq!(server.audit(EMAIL.into(), 10).await.unwrap().len(), 3);
    let other = env.accounts.audit("grace@example.com".into(), 10).await;
    assert!(matches!(other, Err(Error::NotFound)));
    env.clock.advance(91 * DAY);
    env.accounts.clean_up().await.unwrap();
    assert_eq!(env.rows("deleted_accounts").await, 0);
}

/// The servers of the version before may still run after the migration, and write such rows.
#[tokio::test]
async fn deletions_that_earlier_versions_record_stay_deletions() {
    const RECORDED: &str = "deleted_accounts WHERE event = 'account_deleted' AND ip = '::1'";
    let env = TestEnv::before_migration("0043").await;
    let add = async |number: u32| {
        env.execute_text(format!(
            "INSERT INTO deleted_accounts (id, address_key, at, ip, user_agent)
            VALUES ('00000000-0000-4000-8000-00000000000{number}', 'key', '2026-02-01T12:00:00.000Z', '::1',
                'Phone/1')"
        ))
        .await;
    };
    add(1).await;
    env.run_migrations(|name| name >= "0043").await;
    assert_eq!(env.rows(RECORDED).await, 1);
    add(2).await;
    assert_eq!(env.rows(RECORDED).await, 2);
}
