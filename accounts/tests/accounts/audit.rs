//! The audit log.

use std::time::Duration;

use crate::support::{
    EMAIL, HOUR, MINUTE, PASSWORD, SECOND, TestEnv, authenticator, laptop, on_laptop,
};
use accounts::{AuditEvent, Clock, EmailProof, Error};

const NEW_EMAIL: &str = "lovelace@example.com";
const NEW_PASSWORD: &str = "another good password";

/// The audit events of a user, oldest first.
pub async fn events_of(env: &TestEnv, email: &str) -> Vec<AuditEvent> {
    env.accounts.write_failed_sign_ins().await;
    let mut events = env.accounts.audit(email.into(), 1000).await.unwrap();
    events.reverse();
    events
}

/// Checks which events were added since the last check. The clock advances in between.
struct AuditLog<'a> {
    env: &'a TestEnv,
    email: &'static str,
    seen: usize,
}

impl<'a> AuditLog<'a> {
    async fn of(env: &'a TestEnv) -> Self {
        let seen = events_of(env, EMAIL).await.len();
        env.clock.advance(SECOND);
        Self {
            env,
            email: EMAIL,
            seen,
        }
    }

    async fn adds(&mut self, names: &[&str]) {
        assert_eq!(self.added().await, names);
    }

    /// The same for events of one transaction, whose order is not defined.
    async fn adds_at_once(&mut self, names: &[&str]) {
        let mut added = self.added().await;
        added.sort();
        assert_eq!(added, names);
    }

    async fn added(&mut self) -> Vec<String> {
        let events = events_of(self.env, self.email).await;
        let added = events[self.seen..].iter();
        let added = added.map(|event| event.event.clone()).collect();
        self.seen = events.len();
        self.env.clock.advance(SECOND);
        added
    }
}

async fn try_sign_in(env: &TestEnv, email: &str, password: &str) -> Option<&'static str> {
    let device = laptop();
    let login = env
        .accounts
        .login(email.into(), password.into(), &device)
        .await;
    login.err().map(crate::support::why)
}

#[tokio::test]
async fn an_event_has_its_time_and_device() {
    let env = TestEnv::with_user().await;
    let [event] = &events_of(&env, EMAIL).await[..] else {
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
async fn sessions_are_logged_from_sign_in_to_sign_out() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let mut log = AuditLog::of(&env).await;
    let pair = env.sign_in().await;
    log.adds(&["signed_in"]).await;
    // Refreshing tokens is not logged.
    let pair = env.refresh(&pair.refresh_token).await.unwrap();
    env.authorize(&pair.access_token).await.unwrap();
    log.adds(&[]).await;

    let caller = env.authorize(&pair.access_token).await.unwrap();
    accounts.logout(&caller).await.unwrap();
    log.adds(&["signed_out"]).await;
    // A session that has ended can't be ended again.
    accounts.logout(&caller).await.unwrap();
    log.adds(&[]).await;

    let (one, two) = (env.sign_in().await, env.sign_in().await);
    log.adds(&["signed_in", "signed_in"]).await;
    let caller = env.authorize(&one.access_token).await.unwrap();
    let other = env.authorize(&two.access_token).await.unwrap();
    let id = other.session_id.to_string();
    accounts.revoke(&caller, (&*id).into()).await.unwrap();
    log.adds(&["session_revoked"]).await;
    let gone = accounts.revoke(&caller, (&*id).into()).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
    log.adds(&[]).await;
    accounts.logout_all(&caller).await.unwrap();
    log.adds(&["signed_out_everywhere"]).await;
}

#[tokio::test]
async fn a_reused_refresh_token_is_logged_once() {
    let env = TestEnv::with_user().await;
    let stolen = env.sign_in().await;
    let mut log = AuditLog::of(&env).await;
    let renewed = env.refresh(&stolen.refresh_token).await.unwrap();
    // Within the grace time it is not theft.
    env.refresh(&stolen.refresh_token).await.unwrap();
    env.refresh(&renewed.refresh_token).await.unwrap();
    log.adds(&[]).await;
    env.clock.advance(MINUTE);
    for _ in 0..2 {
        let refused = env.refresh(&stolen.refresh_token).await;
        assert_eq!(refused.err(), Some("invalid"));
    }
    log.adds(&["refresh_token_reused"]).await;

    // A session that has expired was not stolen.
    let old = env.sign_in().await;
    log.adds(&["signed_in"]).await;
    env.execute("UPDATE sessions SET expires_at = created_at")
        .await;
    let refused = env.refresh(&old.refresh_token).await;
    assert_eq!(refused.err(), Some("invalid"));
    log.adds(&[]).await;
}

#[tokio::test]
async fn failed_sign_ins_of_an_hour_are_one_row() {
    let env = TestEnv::with_user().await;
    for password in ["wrong", "wronger", "wrongest"] {
        let refused = try_sign_in(&env, EMAIL, password).await;
        assert_eq!(refused, Some("wrong credentials"));
        env.clock.advance(MINUTE);
    }
    // Other servers count in the same row.
    env.accounts.write_failed_sign_ins().await;
    try_sign_in(&env, EMAIL, "wrong").await;
    // An email address without an account is not logged.
    try_sign_in(&env, "nobody@example.com", "wrong").await;
    try_sign_in(&env, "not an address", "wrong").await;
    let [_, failed] = &events_of(&env, EMAIL).await[..] else {
        panic!()
    };
    assert_eq!((&*failed.event, failed.count), ("sign_in_failed", 4));
    assert_eq!(failed.at.to_string(), "2026-03-01T12:03:00.000Z");

    env.clock.advance(HOUR);
    try_sign_in(&env, EMAIL, "wrong").await;
    let events = events_of(&env, EMAIL).await;
    assert_eq!(events.len(), 3);
    assert_eq!(events[2].count, 1);
}

#[tokio::test]
async fn failed_sign_ins_are_written_in_the_background() {
    let env = TestEnv::with_user().await;
    try_sign_in(&env, EMAIL, "wrong").await;
    let written = async {
        while env.rows("audit_events").await < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), written)
        .await
        .unwrap();
}

#[tokio::test]
async fn every_failure_of_a_flood_is_counted() {
    let env = TestEnv::with_user().await;
    let (one, other) = (
        env.server_without_throttling(),
        env.server_without_throttling(),
    );
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
    // A background task may still be writing some of them.
    let failed = async || {
        let events = events_of(&env, EMAIL).await;
        // Both events have the same time, so their order is not defined.
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
async fn the_second_factor_is_logged() {
    let env = TestEnv::with_verified_user().await;
    let accounts = &env.accounts;
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let mut log = AuditLog::of(&env).await;
    let setup = accounts.begin_totp(&caller, PASSWORD.into()).await.unwrap();
    let app = authenticator(setup.secret);
    let wrong = accounts.confirm_totp(&caller, "no code".into(), None).await;
    assert!(wrong.is_err());
    log.adds(&["second_factor_failed"]).await;
    let right = env.code(&app);
    let (_, papers) = accounts
        .confirm_totp(&caller, (&*right).into(), None)
        .await
        .unwrap();
    log.adds(&["second_factor_on"]).await;

    env.clock.advance(MINUTE);
    let pending = env.sign_in().await;
    let pending = accounts.identify(&pending.access_token, &on_laptop()).await;
    let pending = pending.unwrap();
    log.adds(&["sign_in_pending"]).await;
    let paper = &*papers[0];
    accounts
        .pass_recovery_code(&pending, paper.into())
        .await
        .unwrap();
    log.adds_at_once(&["recovery_code_used", "signed_in"]).await;
    let used = accounts.pass_recovery_code(&pending, paper.into()).await;
    assert!(used.is_err());
    log.adds(&["second_factor_failed"]).await;
    let right = env.code(&app);
    let passed = accounts
        .pass_totp(&pending, (&*right).into())
        .await
        .unwrap();
    log.adds(&["second_factor_passed"]).await;

    let caller = env.authorize(&passed.access_token).await.unwrap();
    let replaced = accounts.replace_recovery_codes(&caller, PASSWORD.into());
    replaced.await.unwrap();
    log.adds(&["recovery_codes_replaced"]).await;
    accounts
        .delete_totp(&caller, PASSWORD.into())
        .await
        .unwrap();
    log.adds(&["second_factor_off"]).await;
}

#[tokio::test]
async fn email_and_password_changes_are_logged() {
    let env = TestEnv::with_user().await;
    let accounts = &env.accounts;
    let mut log = AuditLog::of(&env).await;
    let token = env.token_to(EMAIL).await;
    let (proof, device) = (EmailProof::token(&token), laptop());
    for adds in [&["address_confirmed"][..], &[]] {
        let activated = accounts.activate(proof, PASSWORD.into(), None, &device);
        activated.await.unwrap();
        log.adds(adds).await;
    }

    // Requests that anyone can repeat are one row per hour, with the time of the last one.
    for _ in 0..3 {
        accounts
            .reset_password(EMAIL.into(), None, &laptop())
            .await
            .unwrap();
    }
    accounts
        .reset_password("nobody@example.com".into(), None, &laptop())
        .await
        .unwrap();
    env.clock.advance(SECOND);
    let emails = env.emails().await;
    log.adds(&["password_reset_requested"]).await;
    let asked = events_of(&env, EMAIL).await.pop().unwrap();
    assert_eq!((asked.count, &*asked.ip), (3, "127.0.0.1"));
    // One email has been sent, the others were too many.
    assert_eq!(emails.len(), 1);
    let mut tokens = emails.iter().map(|email| &*email.token);
    let token = loop {
        let token = tokens.next().unwrap();
        let reset = accounts
            .confirm_reset(EmailProof::token(token), PASSWORD.into(), &laptop())
            .await;
        if reset.is_ok() {
            break token;
        }
    };
    assert!(!token.is_empty());
    log.adds(&["password_reset"]).await;

    let pair = env.sign_in().await;
    log.adds(&["signed_in"]).await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let changed = accounts.change_password(&caller, PASSWORD.into(), NEW_PASSWORD.into());
    let pair = changed.await.unwrap().tokens;
    log.adds(&["password_changed"]).await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let asked = accounts.begin_email_change(&caller, NEW_EMAIL.into(), NEW_PASSWORD.into());
    asked.await.unwrap();
    log.adds(&["email_change_requested"]).await;
    let token = env.token_to(NEW_EMAIL).await;
    let confirmed = accounts
        .confirm_email_change(
            EmailProof::token(&token),
            NEW_PASSWORD.into(),
            None,
            &laptop(),
        )
        .await;
    confirmed.unwrap();
    log.email = NEW_EMAIL;
    log.adds(&["email_changed"]).await;
    let activity = accounts.activity(&caller).await.unwrap();
    assert_eq!(activity[0].event, "email_changed");
}

#[tokio::test]
async fn operators_are_logged() {
    let env = TestEnv::new().await;
    let accounts = &env.accounts;
    let email = || EMAIL.into();
    let created = accounts.create_user(email(), PASSWORD.into(), false);
    created.await.unwrap();
    let [event] = &events_of(&env, EMAIL).await[..] else {
        panic!()
    };
    assert_eq!(
        (&*event.event, &*event.ip, &*event.user_agent),
        ("operator_created", "", "")
    );
    let mut log = AuditLog::of(&env).await;
    accounts.deactivate_user(email()).await.unwrap();
    log.adds(&["operator_deactivated"]).await;
    accounts.activate_user(email()).await.unwrap();
    log.adds(&["operator_activated"]).await;
    accounts.sign_out_user(email()).await.unwrap();
    log.adds(&["operator_signed_out"]).await;
    accounts.reset_otp_of_user(email()).await.unwrap();
    log.adds(&["operator_reset_otp"]).await;
    let set = accounts.set_password_of_user(email(), NEW_PASSWORD.into());
    set.await.unwrap();
    log.adds(&["operator_set_password"]).await;
    let unknown = accounts.audit("nobody@example.com".into(), 10).await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
}

#[tokio::test]
async fn a_user_sees_the_last_fifty_events() {
    let env = TestEnv::with_user().await;
    env.accounts
        .register("eve@example.com".into(), PASSWORD.into(), &laptop())
        .await
        .unwrap();
    let mut pair = env.sign_in().await;
    for _ in 0..60 {
        env.clock.advance(SECOND);
        pair = env.sign_in().await;
    }
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let events = env.accounts.activity(&caller).await.unwrap();
    assert_eq!(events.len(), 50);
    assert!(events.is_sorted_by(|newer, older| newer.at > older.at));
    assert_eq!(events[0].at, env.clock.now());
    assert_eq!(events_of(&env, "eve@example.com").await.len(), 1);
}

#[tokio::test]
async fn the_audit_log_is_deleted_with_its_user() {
    let env = TestEnv::with_user().await;
    let pair = env.sign_in().await;
    try_sign_in(&env, EMAIL, "wrong").await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    let deleted = env.accounts.delete_user(&caller, PASSWORD.into());
    deleted.await.unwrap();
    // For an event that still waits to be written, there is no user any more.
    env.accounts.write_failed_sign_ins().await;
    assert_eq!(env.rows("audit_events").await, 0);
}

/// The migration renames events that an earlier version has written.
#[tokio::test]
async fn old_event_names_are_migrated() {
    const OLD_NAMES: &str = "UPDATE audit_events SET event = CASE event
        WHEN 'password_reset_requested' THEN 'password_reset_asked' ELSE 'email_change_asked' END
        WHERE event IN ('password_reset_requested', 'email_change_requested')";
    const MIGRATION: &str = include_str!("../../../migrations/sqlite/0008_rename_audit_events.sql");
    let env = TestEnv::with_user().await;
    env.verify_users().await;
    let accounts = &env.accounts;
    let mut log = AuditLog::of(&env).await;
    let device = laptop();
    let requested = accounts.reset_password(EMAIL.into(), None, &device);
    requested.await.unwrap();
    env.emails().await;
    // The list is in the order of the times.
    env.clock.advance(SECOND);
    let pair = env.sign_in().await;
    let caller = env.authorize(&pair.access_token).await.unwrap();
    env.clock.advance(SECOND);
    let requested = accounts.begin_email_change(&caller, NEW_EMAIL.into(), PASSWORD.into());
    requested.await.unwrap();
    env.execute(OLD_NAMES).await;
    for statement in MIGRATION.split_inclusive(';') {
        if !statement.trim().is_empty() {
            env.execute(statement).await;
        }
    }
    log.adds(&[
        "password_reset_requested",
        "signed_in",
        "email_change_requested",
    ])
    .await;
    // A request in the same hour still shares the row.
    let requested = accounts.reset_password(EMAIL.into(), None, &device);
    requested.await.unwrap();
    env.emails().await;
    let events = events_of(&env, EMAIL).await;
    let resets = events
        .iter()
        .filter(|event| event.event == "password_reset_requested");
    assert_eq!(resets.map(|event| event.count).collect::<Vec<_>>(), [2]);
}
