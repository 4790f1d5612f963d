//! The emails that the domain sends, read from a folder.

use std::{fs, path::Path, time::Duration};

use accounts::{Accounts, EmailDesign, EmailTransport, EmailWorker};
use mail_parser::MessageParser;

use super::TestEnv;

/// An email that was sent.
#[derive(Debug)]
pub struct SentEmail {
    pub to: String,
    pub subject: String,
    /// The language that its HTML states, such as `de`.
    pub language: String,
    /// The token of its link; empty without a link.
    pub token: String,
    /// The code beside it; empty without a code.
    pub code: String,
}

impl TestEnv {
    /// Sends all waiting emails, and takes them out of the folder.
    pub async fn emails(&self) -> Vec<SentEmail> {
        self.send_emails_of(&self.accounts).await;
        let mut emails: Vec<_> = fs::read_dir(self.outbox())
            .unwrap()
            .map(|entry| {
                let file = entry.unwrap().path();
                let email = read(&file);
                fs::remove_file(file).unwrap();
                email
            })
            .collect();
        emails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        emails
    }

    /// Sends all waiting emails, and returns the token of the only link to this email address.
    pub async fn token_to(&self, address: &str) -> String {
        let emails = self.emails().await;
        let mut tokens = emails
            .iter()
            .filter(|email| email.to == address && !email.token.is_empty());
        match (tokens.next(), tokens.next()) {
            (Some(email), None) => email.token.clone(),
            _ => panic!("not one link to {address}: {emails:?}"),
        }
    }

    /// Lets this server send all waiting emails.
    pub async fn send_emails_of(&self, accounts: &Accounts) {
        let sender = sender(accounts, EmailTransport::folder(self.outbox()).unwrap());
        let all_is_sent = async {
            while self.rows("mail_requests").await + self.rows("outbox").await > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), sender.run(all_is_sent))
            .await
            .unwrap();
    }

    /// Sends the emails that this server finds due within a moment.
    pub async fn try_to_send_emails(&self) {
        self.try_to_send_emails_of(&self.accounts).await;
    }

    /// The same for another server.
    pub async fn try_to_send_emails_of(&self, accounts: &Accounts) {
        let sender = sender(accounts, EmailTransport::folder(self.outbox()).unwrap());
        sender.run(tokio::time::sleep(A_MOMENT)).await;
    }

    /// Tries to send the emails that are due to a mail server that does not exist.
    pub async fn fail_to_send_emails(&self) {
        let stop = tokio::time::sleep(A_MOMENT);
        self.send_emails_to("smtp://127.0.0.1:1", stop).await;
    }

    /// Sends the emails that are due to a mail server until `stop` completes.
    pub async fn send_emails_to(&self, url: &str, stop: impl Future<Output = ()>) {
        let url = url.parse().unwrap();
        let transport = EmailTransport::smtp(&url, None, PUBLIC_URL).unwrap();
        sender(&self.accounts, transport).run(stop).await;
    }

    fn outbox(&self) -> std::path::PathBuf {
        self.folder.path().join("outbox")
    }
}

/// Longer than a few emails take.
const A_MOMENT: Duration = Duration::from_secs(1);

const PUBLIC_URL: &str = "https://accounts.example.com";

fn sender(accounts: &Accounts, transport: EmailTransport) -> EmailWorker {
    let from = "Latchkey <no-reply@localhost>".parse().unwrap();
    let design = EmailDesign::new(PUBLIC_URL.to_owned());
    EmailWorker::new(accounts.clone(), transport, from, design)
}

fn code(text: &str) -> String {
    let line = text.split("enter ").nth(1).unwrap_or_default();
    line.chars()
        .take_while(|c| *c == ' ' || c.is_ascii_digit())
        .collect()
}

/// The value of the attribute `lang` of a page.
fn language(html: &str) -> String {
    let lang = html.split("<html lang=\"").nth(1).unwrap_or_default();
    lang.split('"').next().unwrap_or_default().to_owned()
}

fn read(file: &Path) -> SentEmail {
    let raw = fs::read(file).unwrap();
    let message = MessageParser::default().parse(&raw).unwrap();
    let text = message.body_text(0).unwrap();
    let html = message.body_html(0).unwrap_or_default();
    let to = message.to().and_then(|to| to.first()).unwrap();
    let links = text.replace("#invitation=", "#token=");
    let token = links.split("#token=").nth(1).unwrap_or_default();
    SentEmail {
        to: to.address().unwrap().to_owned(),
        subject: message.subject().unwrap().to_owned(),
        language: language(&html),
        token: token.split_whitespace().next().unwrap_or_default().into(),
        code: code(&text),
    }
}
