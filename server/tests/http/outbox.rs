//! No email is lost, whatever the SMTP server does and whenever the program stops.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use serde_json::json;

use crate::support::{
    Database, PASSWORD, Server, TestEnv, concurrently,
    email::{CONFIRM_ADDRESS, PASSWORD_CHANGED, RESET},
    free_address,
    smtp::{SmtpBehavior, SmtpServer},
    wait_until,
};

fn start(smtp: &SmtpServer) -> Server {
    Server::start_with(&[("LATCHKEY_SMTP_URL", &smtp.url())])
}

/// A killed server may have leased emails. On PostgreSQL, another server waits for the lease to
/// expire; this lets it expire at once.
fn expire_email_leases(database: &Database) {
    if database.url().is_some() {
        database.execute("UPDATE outbox SET leased_by = NULL, leased_until = NULL");
    }
}

#[test]
fn emails_are_sent_over_reused_smtp_connections() {
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let server = start(&smtp);
    for number in 0..12 {
        server.register(&format!("number-{number}@example.com"));
    }
    server.wait_until_emails_are_sent();
    let mut addresses: Vec<_> = smtp.received().into_iter().map(|email| email.to).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 12);
    assert_eq!(smtp.received().len(), 12);
    assert!(smtp.connections() < 12, "{}", smtp.connections());
    // And nowhere else.
    assert!(!server.env().data_dir().join("outbox").exists());
    let email = smtp.wait_for_email("number-3@example.com");
    assert_eq!(email.subject, CONFIRM_ADDRESS);
    let token = email.token(&format!("{}/activate", server.url()));
    server.activate(&token).assert_no_content();
}

/// An email that is rejected for its recipient is retried later, and the others don't wait for it.
#[test]
fn rejected_email_does_not_delay_others() {
    let address = free_address();
    let url = format!("smtp://{address}");
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", &url)]);
    // All in one batch, the rejected ones first.
    for number in 0..8 {
        server.register(&format!("refused-{number}@example.com"));
    }
    server.register("ada@example.com");
    let smtp = SmtpServer::start_at(address, SmtpBehavior::RejectSome);
    smtp.wait_for_email("ada@example.com");
    wait_until("rejections", Duration::from_secs(60), || {
        smtp.rejected() >= 8
    });
    wait_until(
        "the accepted email to leave the outbox",
        Duration::from_secs(60),
        || server.database().count("outbox", "true") == 8,
    );
    // A rejected email may be accepted later, for example after greylisting.
    smtp.set_behavior(SmtpBehavior::Accept);
    smtp.wait_for_email("refused-7@example.com");
}

/// An address that needs SMTPUTF8, which the server lacks, affects only its own email.
#[test]
fn address_unsupported_by_the_smtp_server_does_not_delay_others() {
    let address = free_address();
    let url = format!("smtp://{address}");
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", &url)]);
    for number in 0..8 {
        server.register(&format!("élise-{number}@example.com"));
    }
    server.register("ada@example.com");
    let smtp = SmtpServer::start_at(address, SmtpBehavior::Accept);
    smtp.wait_for_email("ada@example.com");
    // No other attempt would help.
    server.wait_until_emails_are_sent();
    assert_eq!(smtp.received().len(), 1);
}

#[test]
fn hanging_smtp_server_delays_no_response() {
    let smtp = SmtpServer::start(SmtpBehavior::Hang);
    let server = start(&smtp);
    server.register("ada@example.com");
    wait_until("an email that hangs", Duration::from_secs(30), || {
        smtp.hanging() > 0
    });
    let pair = server.sign_in("ada@example.com");
    server.assert_valid(&pair);
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_no_content();
    server.register("grace@example.com");
    assert!(smtp.received().is_empty());

    smtp.set_behavior(SmtpBehavior::Accept);
    smtp.wait_for_email("grace@example.com");
    smtp.wait_for_email("ada@example.com");
}

#[test]
fn broken_smtp_connection_loses_no_email() {
    let smtp = SmtpServer::start(SmtpBehavior::DisconnectMidEmail);
    let server = start(&smtp);
    server.register("ada@example.com");
    wait_until("an email that breaks off", Duration::from_secs(30), || {
        !smtp.dropped().is_empty()
    });
    smtp.set_behavior(SmtpBehavior::Accept);
    let email = smtp.wait_for_email("ada@example.com");
    // The Message-ID is the same, so that a mail client can recognize the duplicate.
    assert!(smtp.dropped()[0].contains(&email.id), "{email:?}");
    server.wait_until_emails_are_sent();
    assert_eq!(smtp.received().len(), 1);
}

#[test]
fn emails_are_delivered_when_the_smtp_server_is_up_again() {
    let address = free_address();
    let url = format!("smtp://{address}");
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", &url)]);
    server.register("ada@example.com");
    server
        .post("/api/user/password/reset")
        .json(json!({"email": "ada@example.com"}))
        .send()
        .assert_no_content();
    wait_until("an attempt", Duration::from_secs(30), || {
        server.log().contains("can't send emails")
    });
    // The emails themselves were not tried.
    assert_eq!(server.database().count("outbox", "attempts > 0"), 0);
    let smtp = SmtpServer::start_at(address, SmtpBehavior::Accept);
    wait_until("both emails", Duration::from_secs(120), || {
        smtp.received().len() == 2
    });
    let mut subjects: Vec<_> = smtp
        .received()
        .into_iter()
        .map(|email| email.subject)
        .collect();
    subjects.sort();
    assert_eq!(subjects, [RESET, CONFIRM_ADDRESS]);
}

#[test]
fn email_being_sent_survives_a_kill() {
    let smtp = SmtpServer::start(SmtpBehavior::Hang);
    let env = TestEnv::new();
    let settings = [("LATCHKEY_SMTP_URL", &*smtp.url())];
    let mut server = env.start(&settings);
    server.register("ada@example.com");
    wait_until("an email that hangs", Duration::from_secs(30), || {
        smtp.hanging() > 0
    });
    server.signal("KILL");
    server.wait();
    drop(server);
    smtp.set_behavior(SmtpBehavior::Accept);
    expire_email_leases(&env.database);
    let server = env.start(&settings);
    let email = smtp.wait_for_email("ada@example.com");
    let token = email.token(&format!("{}/activate", server.url()));
    server.activate(&token).assert_no_content();
}

/// A confirmed request is on disk, even if its email is not written yet.
#[test]
fn email_request_survives_a_kill() {
    let env = TestEnv::new();
    let server = env.start(&[]);
    server.register("ada@example.com");
    server.take_all_emails();
    drop(server);
    for _ in 0..3 {
        let server = env.start(&[]);
        server
            .post("/api/user/password/reset")
            .json(json!({"email": "ada@example.com"}))
            .send()
            .assert_no_content();
        server.signal("KILL");
        drop(server);
        expire_email_leases(&env.database);
        let server = env.start(&[]);
        server.take_email("ada@example.com", RESET);
        server.take_all_emails();
        server.forget_sent_emails();
    }
}

#[test]
fn graceful_stop_loses_no_email() {
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let env = TestEnv::new();
    let settings = [("LATCHKEY_SMTP_URL", &*smtp.url())];
    let mut server = env.start(&settings);
    for number in 0..10 {
        server.register(&format!("number-{number}@example.com"));
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    drop(server);
    let server = env.start(&settings);
    wait_until("all emails", Duration::from_secs(60), || {
        smtp.received().len() >= 10
    });
    server.wait_until_emails_are_sent();
    assert_eq!(smtp.received().len(), 10, "none twice");
}

/// On PostgreSQL, several servers share an outbox. On SQLite, commands add emails beside the one
/// server.
#[test]
fn each_email_is_sent_once() {
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let smtp_url = smtp.url();
    let secret = ("LATCHKEY_SECRET", "one-master-secret-for-all-the-servers");
    let settings = [("LATCHKEY_SMTP_URL", &*smtp_url), secret];
    let env = TestEnv::new();
    let server = env.start(&settings);
    let expected = match env.database.url() {
        Some(url) => {
            let elsewhere = TestEnv::new();
            let other = elsewhere.start(&[settings[0], secret, ("DATABASE_URL", url)]);
            let servers = [&server, &other];
            concurrently(8, |thread| {
                for number in 0..10 {
                    let server = servers[(thread + number) % 2];
                    server.register(&format!("number-{thread}-{number}@example.com"));
                }
            });
            server.wait_until_emails_are_sent();
            80
        }
        None => {
            server.register("ada@example.com");
            server.verify_users();
            let runs = concurrently(3, |_| {
                let mut command = env.command(&[secret]);
                command.args(["user", "password", "--email", "ada@example.com"]);
                env.run_command(command, PASSWORD)
            });
            for output in runs {
                assert_eq!(output.code, Some(0), "{output:?}");
            }
            server.wait_until_emails_are_sent();
            let changes = smtp.received();
            let changes = changes.iter().filter(|m| m.subject == PASSWORD_CHANGED);
            assert_eq!(changes.count(), 3);
            4
        }
    };
    let mut ids: Vec<_> = smtp.received().into_iter().map(|email| email.id).collect();
    assert_eq!(ids.len(), expected);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), expected, "none twice");
}

#[test]
fn queued_emails_are_encrypted_in_the_database() {
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", "smtp://127.0.0.1:1")]);
    server.register("ada@example.com");
    assert_eq!(server.database().count("outbox", "true"), 1);
    for word in ["ada@example.com", "activat"] {
        let found = match server.database() {
            Database::Sqlite(_) => format!("instr(CAST(content AS TEXT), '{word}') > 0"),
            Database::Postgres(_) => {
                format!("position(convert_to('{word}', 'UTF8') IN content) > 0")
            }
        };
        assert_eq!(server.database().count("outbox", &found), 0, "{word}");
    }
}

#[test]
fn email_files_are_readable_by_their_owner_only() {
    let server = Server::start();
    server.register("ada@example.com");
    server.wait_until_emails_are_sent();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&server.env().data_dir().join("outbox")), 0o700);
    let files = server.env().email_files();
    assert_eq!(files.len(), 1);
    assert_eq!(mode(&files[0]), 0o600);
    // The log names the file.
    let name = files[0].file_name().unwrap().to_str().unwrap();
    assert!(server.log().contains(name), "{}", server.log());
}

/// Lines that begin with a dot, and non-ASCII letters, arrive unchanged.
#[test]
fn emails_are_the_same_over_smtp_and_in_a_file() {
    let smtp = SmtpServer::start(SmtpBehavior::Accept);
    let url = "https://accounts.example";
    let over_the_wire = Server::start_with(&[
        ("LATCHKEY_SMTP_URL", &smtp.url()),
        ("LATCHKEY_PUBLIC_URL", url),
    ]);
    let in_a_file = Server::start_with(&[("LATCHKEY_PUBLIC_URL", url)]);
    over_the_wire.register("ada@example.com");
    in_a_file.register("ada@example.com");
    let page = format!("{url}/activate");
    let without_token = |email: crate::support::Email| {
        let (token, code) = (email.token(&page), email.code());
        [email.text, email.html].map(|text| {
            let text = text.replace(&token, "TOKEN").replace(&code, "CODE");
            // The minute may differ.
            let (before, at) = text.split_once("Requested on ").expect("an origin");
            let (_, after) = at.split_once(" UTC").expect("a time");
            format!("{before}{after}").replace("\r\n", "\n")
        })
    };
    assert_eq!(
        without_token(smtp.wait_for_email("ada@example.com")),
        without_token(in_a_file.take_email("ada@example.com", CONFIRM_ADDRESS))
    );
}
