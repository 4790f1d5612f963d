//! The mails that the domain sends, read from a folder.

use std::{fs, path::Path, time::Duration};

use accounts::{Accounts, EmailTransport, EmailWorker};
use mail_parser::MessageParser;

use super::TestEnv;

/// A mail that was sent.
#[derive(Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    /// The token of its link; empty where it has none.
    pub token: String,
}

impl TestEnv {
    /// Sends all that waits, and takes it.
    pub async fn mails(&self) -> Vec<Mail> {
        self.send_mails_of(&self.accounts).await;
        let mut mails: Vec<_> = fs::read_dir(self.outbox())
            .unwrap()
            .map(|entry| {
                let file = entry.unwrap().path();
                let mail = read(&file);
                fs::remove_file(file).unwrap();
                mail
            })
            .collect();
        mails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        mails
    }

    /// Sends all that waits, and gives the token of the one link to this address.
    pub async fn token_to(&self, address: &str) -> String {
        let mails = self.mails().await;
        let mut tokens = mails
            .iter()
            .filter(|mail| mail.to == address && !mail.token.is_empty());
        match (tokens.next(), tokens.next()) {
            (Some(mail), None) => mail.token.clone(),
            _ => panic!("not one link to {address}: {mails:?}"),
        }
    }

    /// Has this server send all that waits.
    pub async fn send_mails_of(&self, accounts: &Accounts) {
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

    /// Has the mails that are due tried at a mail server that is not there.
    pub async fn try_mails_in_vain(&self) {
        self.try_mails_in_vain_by(&self.accounts).await;
    }

    /// The same by this server.
    pub async fn try_mails_in_vain_by(&self, accounts: &Accounts) {
        let nowhere = "smtp://127.0.0.1:1".parse().unwrap();
        let sender = sender(
            accounts,
            EmailTransport::smtp(&nowhere, PUBLIC_URL).unwrap(),
        );
        let stop = tokio::time::sleep(Duration::from_millis(300));
        sender.run(stop).await;
    }

    fn outbox(&self) -> std::path::PathBuf {
        self.folder.path().join("outbox")
    }
}

const PUBLIC_URL: &str = "https://accounts.example.com";

fn sender(accounts: &Accounts, transport: EmailTransport) -> EmailWorker {
    let from = "Latchkey <no-reply@localhost>".parse().unwrap();
    EmailWorker::new(accounts.clone(), transport, from, PUBLIC_URL.to_owned())
}

fn read(file: &Path) -> Mail {
    let raw = fs::read(file).unwrap();
    let message = MessageParser::default().parse(&raw).unwrap();
    let text = message.body_text(0).unwrap();
    let to = message.to().and_then(|to| to.first()).unwrap();
    let token = text.split("#token=").nth(1).unwrap_or_default();
    Mail {
        to: to.address().unwrap().to_owned(),
        subject: message.subject().unwrap().to_owned(),
        token: token.split_whitespace().next().unwrap_or_default().into(),
    }
}
