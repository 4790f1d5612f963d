//! Emails and mail servers as they are: slow, full, choosy, and different for each recipient.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{
    Server, TestEnv, free_address,
    smtp::{Moment, Reply, SmtpBehavior, SmtpServer},
    wait_until,
};

const LIMIT: Duration = Duration::from_secs(60);

/// Much longer than an email takes, and shorter than any retry of the first ones.
const AT_ONCE: Duration = Duration::from_secs(4);

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

fn start(smtp: &SmtpServer) -> Server {
    Server::start_with(&[("LATCHKEY_SMTP_URL", &smtp.url())])
}

/// Registers these users while the mail server is away, and returns where it is expected. So all
/// emails wait for its start, in this order.
fn queue(emails: impl IntoIterator<Item = String>) -> (Server, SocketAddr) {
    let address = free_address();
    let server = Server::start_with(&[("LATCHKEY_SMTP_URL", &format!("smtp://{address}"))]);
    for email in emails {
        server.register(&email);
    }
    (server, address)
}

fn numbered(name: &str, count: usize) -> impl Iterator<Item = String> {
    (0..count).map(move |number| format!("{name}-{number}@example.com"))
}

fn is_sent_to(moment: &Moment<'_>, command: &str, recipient: &str) -> bool {
    moment.command.starts_with(command) && moment.recipient.starts_with(recipient)
}

/// Waits for this number of emails, and returns how long after the first command they came.
fn time_of(smtp: &SmtpServer, emails: usize) -> Duration {
    wait_until("a connection", LIMIT, || smtp.connections() > 0);
    let start = Instant::now();
    wait_until("the emails", LIMIT, || smtp.arrivals().len() >= emails);
    start.elapsed()
}

/// RFC 5321, 4.5.3.2.6: servers may take 10 minutes to respond to the end of an email.
#[test]
fn slow_end_of_an_email_sends_it_once_and_delays_nobody() {
    let smtp = SmtpServer::scripted(any(), |moment| {
        if is_sent_to(moment, ".", "slow") {
            return Reply::After(Duration::from_secs(40));
        }
        Reply::Usual
    });
    let server = start(&smtp);
    server.register("slow@example.com");
    wait_until("the slow email", LIMIT, || smtp.count("DATA") == 1);
    for email in numbered("number", 5) {
        server.register(&email);
    }
    wait_until("the other emails", AT_ONCE, || smtp.received().len() == 5);
    server.wait_until_emails_are_sent_within(LIMIT);
    assert_eq!(smtp.received().len(), 6);
    assert_eq!(smtp.count("RCPT TO:<slow@"), 1, "{:?}", smtp.commands());
}

#[test]
fn temporary_refusals_of_recipients_delay_nobody() {
    let (server, address) = queue(numbered("deferred", 4).chain(numbered("good", 20)));
    let is_full = Arc::new(AtomicBool::new(true));
    let script_is_full = is_full.clone();
    let smtp = SmtpServer::scripted(address, move |moment| {
        if is_sent_to(moment, "RCPT", "deferred") && script_is_full.load(Ordering::Relaxed) {
            return Reply::Say("454 4.7.1 try again later");
        }
        Reply::Usual
    });
    let time = time_of(&smtp, 20);
    assert!(time < AT_ONCE, "{time:?}");
    wait_until("a count of attempts", LIMIT, || {
        server.database().count("outbox", "attempts > 0") == 4
    });
    is_full.store(false, Ordering::Relaxed);
    server.wait_until_emails_are_sent_within(LIMIT);
    assert_eq!(smtp.received().len(), 24);
}

#[test]
fn permanent_refusals_end_an_email_at_once() {
    let smtp = SmtpServer::scripted(any(), |moment| {
        if is_sent_to(moment, "RCPT", "unknown") {
            Reply::Say("550 5.1.1 no such user")
        } else if is_sent_to(moment, "DATA", "unwanted") {
            Reply::Say("554 5.7.1 no")
        } else if is_sent_to(moment, ".", "full") {
            Reply::Say("552 5.2.2 mailbox full")
        } else {
            Reply::Usual
        }
    });
    let server = start(&smtp);
    let refused = ["unknown", "unwanted", "full"].map(|name| format!("{name}@example.com"));
    let pairs = refused.each_ref().map(|email| server.sign_up(email));
    server.register("ada@example.com");
    smtp.wait_for_email("ada@example.com");
    server.wait_until_emails_are_sent();
    for (email, pair) in refused.iter().zip(&pairs) {
        let attempts = smtp.count(&format!("RCPT TO:<{email}>"));
        assert_eq!(attempts, 1, "{email}");
        let activity = server.get("/api/user/activity").token(&pair.token).send();
        let events = activity.json();
        let events = events.as_array().expect("a list").iter();
        let refusals: Vec<_> = events
            .filter(|event| event["event"] == "email_undeliverable")
            .collect();
        assert_eq!(refusals.len(), 1, "{activity}");
        assert_eq!(refusals[0]["ip"], "");
    }
    assert_eq!(smtp.received().len(), 1);
    let deliveries = |result: &str| {
        server.metric(&format!(
            r#"latchkey_email_deliveries_total{{result="{result}"}}"#
        ))
    };
    assert_eq!((deliveries("refused"), deliveries("sent")), (3.0, 1.0));
    // The log does not quote the server, which may quote the email address.
    assert!(!server.log().contains("5.1.1"), "{}", server.log());
}

/// Refusals of the server are a matter of settings. They say nothing about an email.
#[test]
fn refusals_of_the_server_keep_the_emails() {
    const EHLO: &str = "250-mail.example\r\n250 AUTH PLAIN";
    for (command, refusal, setting) in [
        ("", "554 5.3.2 not here", "LATCHKEY_SMTP_URL"),
        ("EHLO", "550 5.7.1 who are you?", "LATCHKEY_PUBLIC_URL"),
        ("AUTH", "535 5.7.8 wrong password", "LATCHKEY_SMTP_URL"),
        ("MAIL", "550 5.7.1 not your address", "LATCHKEY_MAIL_FROM"),
    ] {
        let is_refusing = Arc::new(AtomicBool::new(true));
        let refuses = is_refusing.clone();
        let smtp = SmtpServer::scripted(any(), move |moment| {
            let is_here = moment.command.starts_with(command)
                && moment.command.is_empty() == command.is_empty();
            match moment.command {
                _ if is_here && refuses.load(Ordering::Relaxed) => Reply::Say(refusal),
                ehlo if ehlo.starts_with("EHLO") => Reply::Say(EHLO),
                _ => Reply::Usual,
            }
        });
        let url = smtp.url().replace("//", "//ada:secret@");
        let server = Server::start_with(&[("LATCHKEY_SMTP_URL", &url)]);
        for email in numbered("number", 3) {
            server.register(&email);
        }
        wait_until("two attempts", LIMIT, || smtp.connections() >= 2);
        let lines = || {
            let log = server.log();
            let lines = log
                .lines()
                .filter(|line| line.contains("can't send emails"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        wait_until("a warning", LIMIT, || !lines().is_empty());
        assert!(
            matches!(&lines()[..], [line] if line.contains(setting)),
            "{:?}",
            lines()
        );
        let log = server.log();
        assert!(!log.contains("secret"), "{command}: {log}");
        let untouched = server.database().count("outbox", "attempts = 0");
        assert_eq!(untouched, 3, "{command}");
        is_refusing.store(false, Ordering::Relaxed);
        server.wait_until_emails_are_sent_within(LIMIT);
        assert_eq!(smtp.received().len(), 3, "{command}");
    }
}

/// Servers end connections when they like to. No email waits for that, and none is sent twice.
#[test]
fn closed_connections_delay_no_email() {
    let scripts: [fn(&Moment<'_>) -> Reply; 4] = [
        |moment| match moment.command {
            "." => Reply::SayAndClose("250 2.0.0 queued"),
            _ => Reply::Usual,
        },
        |moment| match moment.command {
            mail if mail.starts_with("MAIL") && moment.emails >= 2 => {
                Reply::SayAndClose("421 4.7.0 too many emails")
            }
            _ => Reply::Usual,
        },
        |moment| match moment.command {
            rcpt if rcpt.starts_with("RCPT") && moment.emails >= 2 => {
                Reply::SayAndClose("421 4.7.0 too many emails")
            }
            _ => Reply::Usual,
        },
        |moment| match moment.command {
            "DATA" if moment.emails >= 2 => Reply::SayAndClose("421 4.3.2 shutting down"),
            _ => Reply::Usual,
        },
    ];
    for script in scripts {
        let (server, address) = queue(numbered("number", 40));
        let smtp = SmtpServer::scripted(address, script);
        let time = time_of(&smtp, 40);
        assert!(time < AT_ONCE, "{time:?}");
        server.wait_until_emails_are_sent();
        assert_eq!(smtp.received().len(), 40);
    }
}

/// A server that allows few connections gets all emails over these.
#[test]
fn refused_connections_delay_no_email() {
    let (server, address) = queue(numbered("number", 60));
    let greetings = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let smtp = SmtpServer::scripted(address, move |moment| {
        if moment.command.is_empty() && greetings.fetch_add(1, Ordering::Relaxed) >= 3 {
            return Reply::SayAndClose("421 4.7.0 too many connections");
        }
        Reply::Usual
    });
    let time = time_of(&smtp, 60);
    assert!(time < 2 * AT_ONCE, "{time:?}");
    server.wait_until_emails_are_sent();
    assert_eq!(smtp.received().len(), 60);
}

/// More recipients hang than emails are sent side by side.
#[test]
fn hanging_recipients_delay_nobody_and_no_stop() {
    let address = free_address();
    let env = TestEnv::new();
    let url = format!("smtp://{address}");
    let settings = [("LATCHKEY_SMTP_URL", &*url)];
    let mut server = env.start(&settings);
    for email in numbered("hanging", 20).chain(numbered("good", 20)) {
        server.register(&email);
    }
    let smtp = SmtpServer::scripted(address, |moment| {
        let is_hanging = [
            ("RCPT", "hanging-1"),
            ("DATA", "hanging-2"),
            (".", "hanging"),
        ]
        .iter()
        .any(|(command, recipient)| is_sent_to(moment, command, recipient));
        if is_hanging {
            Reply::Hang
        } else {
            Reply::Usual
        }
    });
    let time = time_of(&smtp, 20);
    assert!(time < 2 * AT_ONCE, "{time:?}");
    assert_eq!(smtp.hanging(), 20);
    server.register("late@example.com");
    wait_until("a late email", AT_ONCE, || smtp.received().len() == 21);

    let stopped = Instant::now();
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0), "{}", server.log());
    assert!(stopped.elapsed() < Duration::from_secs(30));
    // Nobody else has to wait for the end of its leases.
    assert_eq!(env.database.count("outbox", "leased_by IS NULL"), 20);
    assert_eq!(env.database.count("outbox", "attempts = 0"), 20);
}

/// What strict servers look at before they take anything.
#[test]
fn introduces_itself_as_the_public_url_and_the_sender() {
    for (public_url, name) in [
        ("https://accounts.example:8443", "accounts.example"),
        ("https://käse.example", "xn--kse-qla.example"),
        ("http://127.0.0.1:3000", "[127.0.0.1]"),
        ("http://[::1]:3000", "[IPv6:::1]"),
    ] {
        let smtp = SmtpServer::start(SmtpBehavior::Accept);
        let server = Server::start_with(&[
            ("LATCHKEY_SMTP_URL", &smtp.url()),
            ("LATCHKEY_PUBLIC_URL", public_url),
            ("LATCHKEY_MAIL_FROM", "Käse <post@käse.example>"),
        ]);
        server.register("ada@example.com");
        let email = smtp.wait_for_email("ada@example.com");
        assert_eq!(smtp.commands()[0], format!("EHLO {name}"));
        // Sender, From and Message-ID are of one domain.
        let sender = "MAIL FROM:<post@xn--kse-qla.example>";
        assert_eq!(smtp.commands()[1], sender);
        assert_eq!(email.from, "post@xn--kse-qla.example");
        assert!(email.id.ends_with("@xn--kse-qla.example"), "{email:?}");
    }
}

/// A server that accepts connections and never says a word.
#[test]
fn silent_server_leaves_the_outbox_as_it_is() {
    let smtp = SmtpServer::scripted(any(), |_| Reply::Hang);
    let server = start(&smtp);
    for email in numbered("number", 20) {
        server.register(&email);
    }
    wait_until("a connection", LIMIT, || smtp.hanging() > 0);
    std::thread::sleep(AT_ONCE);
    let untouched = "attempts = 0 AND leased_by IS NULL";
    assert_eq!(server.database().count("outbox", untouched), 20);
    // No more connections than emails that are sent side by side.
    assert!(smtp.connections() <= 16, "{}", smtp.connections());
}
