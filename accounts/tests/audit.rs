//! What is written down of what happens to accounts.

#![allow(clippy::unwrap_used)] // a test that panics has failed

mod stage;

use std::time::Duration;

use accounts::{AuditEvent, Clock, Error};
use stage::{
    DAY, EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, authenticator, laptop, on_laptop,
};

const NEW_EMAIL: &str = "lovelace@example.com";
const NEW_PASSWORD: &str = "another good password";

/// What the trail has of the user, oldest first.
async fn trail_of(stage: &TestEnv, email: &str) -> Vec<AuditEvent> {
    stage.accounts.write_failed_sign_ins().await;
    let mut events = stage.accounts.audit(email.into(), 1000).await.unwrap();
    events.reverse();
    events
}

/// The events by name that have been added since the last look. Time goes on between two of them.
struct Trail<'a> {
    stage: &'a TestEnv,
    email: &'static str,
    seen: usize,
}

impl<'a> Trail<'a> {
    async fn of(stage: &'a TestEnv) -> Self {
        let seen = trail_of(stage, EMAIL).await.len();
        stage.clock.advance(SECOND);
        Self {
            stage,
            email: EMAIL,
            seen,
        }
    }

    async fn adds(&mut self, names: &[&str]) {
        let events = trail_of(self.stage, self.email).await;
        let added: Vec<_> = events[self.seen..]
            .iter()
            .map(|event| event.event.clone())
            .collect();
        assert_eq!(added, names);
        self.seen = events.len();
        self.stage.clock.advance(SECOND);
    }
}

async fn try_sign_in(stage: &TestEnv, email: &str, password: &str) -> Option<&'static str> {
    let device = laptop();
    let login = stage
        .accounts
        .login(email.into(), password.into(), &device)
        .await;
    login.err().map(stage::why)
}

#[tokio::test]
async fn an_event_has_its_time_and_device() {
    let stage = TestEnv::with_user().await;
    let [event] = &trail_of(&stage, EMAIL).await[..] else {
        panic!()
    };
    assert_eq!(event.event, "registered");
    assert_eq!(event.at.to_string(), "2026-03-01T12:00:00.000Z");
    assert_eq!(
        (&*event.ip, &*event.user_agent, event.count),
        ("127.0.0.1", "Laptop", 1)
    );
}

#[tokio::test]
async fn sessions_are_told_from_sign_in_to_sign_out() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let mut trail = Trail::of(&stage).await;
    let pair = stage.sign_in().await;
    trail.adds(&["signed_in"]).await;
    // What happens all the time is no news.
    let pair = stage.refresh(&pair.refresh_token).await.unwrap();
    stage.authorize(&pair.access_token).await.unwrap();
    trail.adds(&[]).await;

    let caller = stage.authorize(&pair.access_token).await.unwrap();
    accounts.logout(&caller).await.unwrap();
    trail.adds(&["signed_out"]).await;
    // A session that is over can't be ended again.
    accounts.logout(&caller).await.unwrap();
    trail.adds(&[]).await;

    let (one, two) = (stage.sign_in().await, stage.sign_in().await);
    trail.adds(&["signed_in", "signed_in"]).await;
    let caller = stage.authorize(&one.access_token).await.unwrap();
    let other = stage.authorize(&two.access_token).await.unwrap();
    let id = other.session_id.to_string();
    accounts.revoke(&caller, (&*id).into()).await.unwrap();
    trail.adds(&["session_revoked"]).await;
    let gone = accounts.revoke(&caller, (&*id).into()).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
    trail.adds(&[]).await;
    accounts.logout_all(&caller).await.unwrap();
    trail.adds(&["signed_out_everywhere"]).await;
}

#[tokio::test]
async fn a_refresh_token_that_comes_again_is_told_once() {
    let stage = TestEnv::with_user().await;
    let stolen = stage.sign_in().await;
    let mut trail = Trail::of(&stage).await;
    stage.refresh(&stolen.refresh_token).await.unwrap();
    // Within the grace it is no theft.
    stage.refresh(&stolen.refresh_token).await.unwrap();
    trail.adds(&[]).await;
    stage.clock.advance(MINUTE);
    for _ in 0..2 {
        let refused = stage.refresh(&stolen.refresh_token).await;
        assert_eq!(refused.err(), Some("invalid"));
    }
    trail.adds(&["refresh_token_reused"]).await;

    // A session that has run out was not stolen.
    let old = stage.sign_in().await;
    trail.adds(&["signed_in"]).await;
    stage
        .execute("UPDATE sessions SET expires_at = created_at")
        .await;
    let refused = stage.refresh(&old.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    trail.adds(&[]).await;
}

#[tokio::test]
async fn failed_sign_ins_of_an_hour_are_one_row() {
    let stage = TestEnv::with_user().await;
    for password in ["wrong", "wronger", "wrongest"] {
        let refused = try_sign_in(&stage, EMAIL, password).await;
        assert_eq!(refused, Some("wrong credentials"));
        stage.clock.advance(MINUTE);
    }
    // Other servers count in the same row.
    stage.accounts.write_failed_sign_ins().await;
    try_sign_in(&stage, EMAIL, "wrong").await;
    // Nobody's address leaves nothing.
    try_sign_in(&stage, "nobody@example.com", "wrong").await;
    try_sign_in(&stage, "not an address", "wrong").await;
    let [_, failed] = &trail_of(&stage, EMAIL).await[..] else {
        panic!()
    };
    assert_eq!((&*failed.event, failed.count), ("sign_in_failed", 4));
    assert_eq!(failed.at.to_string(), "2026-03-01T12:03:00.000Z");

    stage.clock.advance(HOUR);
    try_sign_in(&stage, EMAIL, "wrong").await;
    let events = trail_of(&stage, EMAIL).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].count, 1);
}

#[tokio::test]
async fn failed_sign_ins_are_written_down_by_themselves() {
    let stage = TestEnv::with_user().await;
    try_sign_in(&stage, EMAIL, "wrong").await;
    let written = async {
        while stage.rows("audit_events").await < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), written)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_flood_of_failures_is_counted_whole() {
    let stage = TestEnv::with_user().await;
    let (one, other) = (stage.patient_server(), stage.patient_server());
    let tasks: Vec<_> = (0..60)
        .map(|number| {
            let server = if number % 2 == 0 { &one } else { &other };
            let server = server.clone();
            tokio::spawn(async move {
                let device = laptop();
                let _ = server.login(EMAIL.into(), "wrong".into(), &device).await;
                if number % 7 == 0 {
                    server.write_failed_sign_ins().await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    one.write_failed_sign_ins().await;
    other.write_failed_sign_ins().await;
    // What a task of its own has taken may still be on its way.
    let failed = async || {
        let events = trail_of(&stage, EMAIL).await;
        // Both have happened at the same time.
        let failed = events
            .iter()
            .find(|event| event.event == "sign_in_failed")
            .map_or(0, |event| event.count);
        (events.len(), failed)
    };
    let counted = async {
        while failed().await.1 < 60 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), counted)
        .await
        .unwrap();
    assert_eq!(failed().await, (2, 60));
}

#[tokio::test]
async fn the_second_factor_is_told() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let pair = stage.sign_in().await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let mut trail = Trail::of(&stage).await;
    let setup = accounts.begin_totp(&caller, PASSWORD.into()).await.unwrap();
    let app = authenticator(setup.secret);
    let wrong = accounts.confirm_totp(&caller, "no code".into()).await;
    assert!(wrong.is_err());
    trail.adds(&["second_factor_failed"]).await;
    let right = stage.code(&app);
    let (_, papers) = accounts
        .confirm_totp(&caller, (&*right).into())
        .await
        .unwrap();
    trail.adds(&["second_factor_on"]).await;

    stage.clock.advance(MINUTE);
    let half = stage.sign_in().await;
    let half = accounts.identify(&half.access_token, &on_laptop()).await;
    let half = half.unwrap();
    trail.adds(&["signed_in"]).await;
    let paper = &*papers[0];
    accounts
        .pass_recovery_code(&half, paper.into())
        .await
        .unwrap();
    trail.adds(&["recovery_code_used"]).await;
    let used = accounts.pass_recovery_code(&half, paper.into()).await;
    assert!(used.is_err());
    trail.adds(&["second_factor_failed"]).await;
    let right = stage.code(&app);
    let passed = accounts.pass_totp(&half, (&*right).into()).await.unwrap();
    trail.adds(&["second_factor_passed"]).await;

    let caller = stage.authorize(&passed.access_token).await.unwrap();
    let replaced = accounts.replace_recovery_codes(&caller, PASSWORD.into());
    replaced.await.unwrap();
    trail.adds(&["recovery_codes_replaced"]).await;
    accounts
        .delete_totp(&caller, PASSWORD.into())
        .await
        .unwrap();
    trail.adds(&["second_factor_off"]).await;
}

#[tokio::test]
async fn address_and_password_are_told() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    let mut trail = Trail::of(&stage).await;
    let token = stage.token_to(EMAIL).await;
    accounts
        .activate((&*token).into(), &laptop())
        .await
        .unwrap();
    trail.adds(&["address_confirmed"]).await;
    let void = accounts.activate((&*token).into(), &laptop()).await;
    assert!(void.is_err());
    trail.adds(&[]).await;

    // A wish that a stranger can repeat leaves one row in an hour, with the time of the last.
    for _ in 0..3 {
        accounts
            .reset_password(EMAIL.into(), &laptop())
            .await
            .unwrap();
    }
    accounts
        .reset_password("nobody@example.com".into(), &laptop())
        .await
        .unwrap();
    stage.clock.advance(SECOND);
    let mails = stage.mails().await;
    trail.adds(&["password_reset_asked"]).await;
    let asked = trail_of(&stage, EMAIL).await.pop().unwrap();
    assert_eq!((asked.count, &*asked.ip), (3, "127.0.0.1"));
    // Only the newest link works; which of the mails has it can't be told from outside.
    let mut tokens = mails.iter().map(|mail| &*mail.token);
    let token = loop {
        let token = tokens.next().unwrap();
        let reset = accounts
            .confirm_reset(token.into(), PASSWORD.into(), &laptop())
            .await;
        if reset.is_ok() {
            break token;
        }
    };
    assert!(!token.is_empty());
    trail.adds(&["password_reset"]).await;

    let pair = stage.sign_in().await;
    trail.adds(&["signed_in"]).await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let changed = accounts.change_password(&caller, PASSWORD.into(), NEW_PASSWORD.into());
    let pair = changed.await.unwrap();
    trail.adds(&["password_changed"]).await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let asked = accounts.begin_email_change(&caller, NEW_EMAIL.into(), NEW_PASSWORD.into());
    asked.await.unwrap();
    trail.adds(&["email_change_asked"]).await;
    let token = stage.token_to(NEW_EMAIL).await;
    let confirmed = accounts
        .confirm_email_change((&*token).into(), &laptop())
        .await;
    confirmed.unwrap();
    trail.email = NEW_EMAIL;
    trail.adds(&["email_changed"]).await;
    let activity = accounts.activity(&caller).await.unwrap();
    assert_eq!(activity[0].event, "email_changed");
}

#[tokio::test]
async fn operators_are_told() {
    let stage = TestEnv::new().await;
    let accounts = &stage.accounts;
    let email = || EMAIL.into();
    let created = accounts.create_user(email(), PASSWORD.into(), false);
    created.await.unwrap();
    let [event] = &trail_of(&stage, EMAIL).await[..] else {
        panic!()
    };
    assert_eq!(
        (&*event.event, &*event.ip, &*event.user_agent),
        ("operator_created", "", "")
    );
    let mut trail = Trail::of(&stage).await;
    accounts.deactivate_user(email()).await.unwrap();
    trail.adds(&["operator_deactivated"]).await;
    accounts.activate_user(email()).await.unwrap();
    trail.adds(&["operator_activated"]).await;
    accounts.sign_out_user(email()).await.unwrap();
    trail.adds(&["operator_signed_out"]).await;
    accounts.reset_otp_of_user(email()).await.unwrap();
    trail.adds(&["operator_reset_otp"]).await;
    let set = accounts.set_password_of_user(email(), NEW_PASSWORD.into());
    set.await.unwrap();
    trail.adds(&["operator_set_password"]).await;
    let unknown = accounts.audit("nobody@example.com".into(), 10).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
}

#[tokio::test]
async fn a_user_sees_the_last_fifty_of_its_own() {
    let stage = TestEnv::with_user().await;
    stage
        .accounts
        .register("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let mut pair = stage.sign_in().await;
    for _ in 0..60 {
        stage.clock.advance(SECOND);
        pair = stage.sign_in().await;
    }
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let events = stage.accounts.activity(&caller).await.unwrap();
    assert_eq!(events.len(), 50);
    assert!(events.is_sorted_by(|newer, older| newer.at > older.at));
    assert_eq!(events[0].at, stage.clock.now());
    assert_eq!(trail_of(&stage, "eve@example.com").await.len(), 1);
}

#[tokio::test]
async fn the_trail_goes_with_its_user() {
    let stage = TestEnv::with_user().await;
    let pair = stage.sign_in().await;
    try_sign_in(&stage, EMAIL, "wrong").await;
    let caller = stage.authorize(&pair.access_token).await.unwrap();
    let deleted = stage.accounts.delete_user(&caller, PASSWORD.into());
    deleted.await.unwrap();
    // What waits to be written down finds nobody.
    stage.accounts.write_failed_sign_ins().await;
    assert_eq!(stage.rows("audit_events").await, 0);
}

#[tokio::test]
async fn what_is_over_is_removed() {
    let stage = TestEnv::with_user().await;
    let accounts = &stage.accounts;
    // One that stays idle, and one that is used.
    stage.sign_in().await;
    let used = stage.sign_in().await;
    let used = stage.refresh(&used.refresh_token).await.unwrap();
    assert_eq!(stage.rows("retired_refresh_tokens").await, 1);
    assert_eq!(accounts.clean_up().await.unwrap(), 0);

    // In its last moment of grace a used token is still needed.
    stage.clock.advance(30 * SECOND);
    assert_eq!(accounts.clean_up().await.unwrap(), 0);
    stage.clock.advance(SECOND);
    assert_eq!(accounts.clean_up().await.unwrap(), 1);
    assert_eq!(stage.rows("retired_refresh_tokens").await, 0);

    assert_eq!(stage.rows("mailed_tokens").await, 1);
    stage.clock.advance(DAY);
    assert_eq!(accounts.clean_up().await.unwrap(), 1);
    assert_eq!(stage.rows("mailed_tokens").await, 0);

    let used = stage.refresh(&used.refresh_token).await.unwrap();
    stage.clock.advance(30 * DAY - HOUR);
    // The idle session, and the token that the other one has used.
    assert_eq!(accounts.clean_up().await.unwrap(), 2);
    assert_eq!(stage.rows("sessions").await, 1);
    let mut last = stage.refresh(&used.refresh_token).await.unwrap();
    for _ in 0..2 {
        stage.clock.advance(29 * DAY);
        last = stage.refresh(&last.refresh_token).await.unwrap();
    }
    assert_eq!(stage.rows("sessions").await, 1);
    let events = stage.rows("audit_events").await;
    stage.clock.advance(2 * DAY);
    accounts.clean_up().await.unwrap();
    // The session's 90 days are over, and those of all that happened on its first day.
    assert_eq!(stage.rows("sessions").await, 0);
    assert_eq!(stage.rows("retired_refresh_tokens").await, 0);
    assert!(stage.rows("audit_events").await < events);
    assert_eq!(stage.rows("users").await, 1);
}

#[tokio::test]
async fn many_rows_are_removed_in_batches_that_servers_share() {
    let stage = TestEnv::with_user().await;
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
    stage.execute(insert).await;
    let servers = [
        stage.accounts.clone(),
        stage.server(stage::OLD_SECRET, "m=64,t=1,p=1"),
        stage.server(stage::OLD_SECRET, "m=64,t=1,p=1"),
    ];
    let tasks = servers.map(|server| tokio::spawn(async move { server.clean_up().await }));
    // Meanwhile people are served.
    let pair = stage.sign_in().await;
    stage.refresh(&pair.refresh_token).await.unwrap();
    let mut removed = 0;
    for task in tasks {
        removed += task.await.unwrap().unwrap();
    }
    // Servers pass over each other's rows; what one of them leaves, the next round takes.
    removed += stage.accounts.clean_up().await.unwrap();
    assert_eq!(removed, 2600);
    assert_eq!(stage.rows("audit_events").await, 2);
}
