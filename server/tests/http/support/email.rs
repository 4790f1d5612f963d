//! Emails as the recipient gets them.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use mail_parser::{Address, MessageParser, MimeHeaders};

use super::{Server, TestEnv, wait_until};

/// How long an email may take on a busy machine.
pub const EMAIL_TIMEOUT: Duration = Duration::from_secs(30);

/// A received email.
#[derive(Clone, Debug)]
pub struct Email {
    /// The only recipient.
    pub to: String,
    /// The sender.
    pub from: String,
    /// The subject.
    pub subject: String,
    /// The Message-ID.
    pub id: String,
    /// The plain text.
    pub text: String,
    /// The HTML version.
    pub html: String,
}

impl Email {
    /// The code to sign in with, which both formats show.
    #[track_caller]
    pub fn sign_in_code(&self) -> String {
        let code = self.text.split("To sign in, enter ").nth(1);
        let code: String = code.expect("a code").chars().take(9).collect();
        assert!(self.html.contains(&code), "{self:?}");
        code
    }

    /// Parses an email (RFC 5322) and checks the rules for all emails.
    #[track_caller]
    pub fn parse(raw: &[u8]) -> Self {
        let message = MessageParser::default()
            .parse(raw)
            .unwrap_or_else(|| panic!("no email: {}", String::from_utf8_lossy(raw)));
        let shown = String::from_utf8_lossy(raw);
        let kind = message.content_type().expect("a content type");
        assert_eq!(
            (kind.ctype(), kind.subtype()),
            ("multipart", Some("alternative")),
            "{shown}"
        );
        assert_eq!(message.parts.len(), 3, "{shown}");
        assert!(message.parts[1].is_text() && message.parts[2].is_text_html());
        let now = UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs();
        let date = message.date().expect("a date").to_timestamp();
        assert!(
            now.abs_diff(u64::try_from(date).expect("a date after 1970")) < 600,
            "{shown}"
        );
        let raw_header = |wanted: &str| {
            let mut headers = message.headers_raw();
            let header = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            header.map_or("", |(_, value)| value).trim().to_owned()
        };
        // RFC 3834: automatic responders must not reply.
        assert_eq!(raw_header("Auto-Submitted"), "auto-generated", "{shown}");
        let email = Self {
            to: only_address(message.to()),
            from: only_address(message.from()),
            subject: message.subject().expect("a subject").to_owned(),
            id: message.message_id().expect("an id").to_owned(),
            text: message.body_text(0).expect("a text").into_owned(),
            html: message.body_html(0).expect("HTML").into_owned(),
        };
        assert!(email.id.contains('@'), "{shown}");
        assert!(message.cc().is_none() && message.bcc().is_none(), "{shown}");
        assert!(email.html.contains("<html"), "{shown}");
        assert!(!email.text.contains("<html"), "{shown}");
        assert!(email.text.contains(&email.subject), "{shown}");
        assert!(email.links_in_text().len() <= 1, "{shown}");
        assert_eq!(email.links_in_html(), email.links_in_text(), "{shown}");
        for link in email.links_in_text() {
            // The link itself, and its text.
            assert_eq!(email.html.matches(link).count(), 2, "{shown}");
        }
        email
    }

    /// Links with a token in the plain text.
    fn links_in_text(&self) -> Vec<&str> {
        self.text
            .split_whitespace()
            .filter(|word| word.contains("#token=") || word.contains("#invitation="))
            .collect()
    }

    /// Everything that the HTML links to or loads.
    fn links_in_html(&self) -> Vec<&str> {
        ["href=\"", "src=\"", "url("]
            .iter()
            .flat_map(|attribute| self.html.split(attribute).skip(1))
            .filter_map(|rest| rest.split(['"', ')']).next())
            .collect()
    }

    /// Returns the token of the only link, which must lead to this page.
    #[track_caller]
    pub fn token(&self, page: &str) -> String {
        let links = self.links_in_text();
        let &[link] = links.as_slice() else {
            panic!("not one link in {self:?}");
        };
        let (url, fragment) = link.split_once('#').expect("a fragment");
        let (_, token) = fragment.split_once('=').expect("a token");
        assert_eq!(url, page, "{self:?}");
        assert!(token.len() >= 43, "256 bits at least: {token}");
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
            "{token}"
        );
        token.to_owned()
    }

    /// Returns the code that the email shows beside its link.
    #[track_caller]
    pub fn code(&self) -> String {
        let after = "If the page asks for a code, enter ";
        let code = self.text.split(after).nth(1).expect("a code");
        let code: String = code.chars().take(9).collect();
        assert!(self.html.contains(&code), "{self:?}");
        code
    }

    /// The email contains no link.
    #[track_caller]
    pub fn assert_no_link(&self) -> &Self {
        assert!(self.links_in_text().is_empty(), "{self:?}");
        self
    }
}

fn only_address(header: Option<&Address<'_>>) -> String {
    let addresses: Vec<_> = header.into_iter().flat_map(Address::iter).collect();
    let [address] = addresses.as_slice() else {
        panic!("not one address: {addresses:?}");
    };
    let address = address.address().expect("an address");
    address.to_owned()
}

impl TestEnv {
    /// The email files in the outbox folder.
    pub fn email_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.data_dir().join("outbox")) else {
            return Vec::new();
        };
        let mut files: Vec<_> = entries
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
            .collect();
        files.sort();
        files
    }
}

impl Server {
    /// Waits for an email with this recipient and subject, and removes it from the folder.
    #[track_caller]
    pub fn take_email(&self, to: &str, subject: &str) -> Email {
        let mut found = None;
        wait_until(
            &format!("an email to {to}: {subject}"),
            EMAIL_TIMEOUT,
            || match self.find_email(to, subject) {
                Some(email) => {
                    found = Some(email);
                    true
                }
                None => false,
            },
        );
        let (file, email) = found.expect("it was found");
        fs::remove_file(file).expect("the file can be removed");
        email
    }

    fn find_email(&self, to: &str, subject: &str) -> Option<(PathBuf, Email)> {
        self.env().email_files().into_iter().find_map(|file| {
            let email = Email::parse(&fs::read(&file).expect("the file can be read"));
            (email.to == to && email.subject == subject).then_some((file, email))
        })
    }

    /// Waits until all emails are sent, and returns and removes all of them, sorted by recipient
    /// and subject.
    #[track_caller]
    pub fn take_all_emails(&self) -> Vec<Email> {
        self.wait_until_emails_are_sent();
        let mut emails: Vec<_> = self
            .env()
            .email_files()
            .into_iter()
            .map(|file| {
                let email = Email::parse(&fs::read(&file).expect("the file can be read"));
                fs::remove_file(file).expect("the file can be removed");
                email
            })
            .collect();
        emails.sort_by(|a, b| (&a.to, &a.subject).cmp(&(&b.to, &b.subject)));
        emails
    }

    /// Waits until all emails are sent. A request turns into an email in one transaction, so
    /// requests are counted first.
    #[track_caller]
    pub fn wait_until_emails_are_sent(&self) {
        self.wait_until_emails_are_sent_within(EMAIL_TIMEOUT);
    }

    /// The same within this time.
    #[track_caller]
    pub fn wait_until_emails_are_sent_within(&self, limit: Duration) {
        wait_until("all emails to be sent", limit, || {
            let requests = self.database().count("mail_requests", "true");
            requests + self.database().count("outbox", "true") == 0
        });
    }

    /// Takes all emails and compares their recipients and subjects.
    #[track_caller]
    pub fn assert_emails(&self, expected: &[(&str, &str)]) {
        let emails = self.take_all_emails();
        let found: Vec<_> = emails
            .iter()
            .map(|email| (email.to.as_str(), email.subject.as_str()))
            .collect();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    /// Takes the next email with this recipient and subject, and returns the token of its link to
    /// this page.
    #[track_caller]
    fn take_token(&self, to: &str, subject: &str, page: &str) -> String {
        let page = format!("{}/{page}", self.url());
        self.take_email(to, subject).token(&page)
    }

    /// Takes the token of the link that verifies an email address.
    #[track_caller]
    pub fn activation_token(&self, to: &str) -> String {
        self.take_token(to, CONFIRM_ADDRESS, "activate")
    }

    /// Takes the token of the link to reset a password.
    #[track_caller]
    pub fn reset_token(&self, to: &str) -> String {
        self.take_token(to, RESET, "reset")
    }

    /// Takes the token of the link that verifies a new email address.
    #[track_caller]
    pub fn email_token(&self, to: &str) -> String {
        self.take_token(to, CONFIRM_NEW_ADDRESS, "email")
    }
}

/// Subjects of the emails.
pub const CONFIRM_ADDRESS: &str = "Confirm your email address";
pub const CONFIRM_NEW_ADDRESS: &str = "Confirm your new email address";
pub const RESET: &str = "Choose a new password";
pub const ALREADY_REGISTERED: &str = "You already have an account";
pub const EMAIL_ABOUT_TO_CHANGE: &str = "Your email address is about to change";
pub const ACCOUNT_DELETED: &str = "Your account was deleted";
pub const EMAIL_CHANGED: &str = "Your email address was changed";
pub const PASSWORD_CHANGED: &str = "Your password was changed";
pub const OTP_ENABLED: &str = "Two-factor authentication is on";
pub const OTP_DISABLED: &str = "Two-factor authentication is off";
pub const NEW_RECOVERY_CODES: &str = "You have new recovery codes";
pub const RECOVERY_CODE_USED: &str = "A recovery code was used";
