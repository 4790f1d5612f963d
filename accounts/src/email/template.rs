//! What the mails say.

use askama::Template;
use serde::{Deserialize, Serialize};

use crate::crypto::email_token::LinkToken;

/// A mail to one address, before it is put into words.
#[derive(Serialize, Deserialize)]
pub(crate) struct Mail {
    /// The address.
    pub to: String,
    /// What to tell.
    pub letter: EmailTemplate,
}

/// What a mail tells. Those with a token hold a link that is good once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmailTemplate {
    /// Welcome; open the link to prove the address.
    Activation(LinkToken),
    /// Somebody registers with the address of an account.
    AlreadyRegistered,
    /// Open the link to choose a new password.
    Reset(LinkToken),
    /// Open the link to make this the account's address.
    EmailChange(LinkToken),
    /// To the old address: somebody wants another one for the account.
    EmailChangeAsked { new_email: String },
    /// To the old address: the account has another one now.
    EmailChanged { new_email: String },
    /// The password was changed.
    PasswordChanged,
    /// The second factor is on.
    SecondFactorOn,
    /// The second factor is off.
    SecondFactorOff,
    /// There are new recovery codes.
    RecoveryCodesReplaced,
    /// A recovery code was used.
    RecoveryCodeUsed { left: u32 },
}

/// A mail in words: its subject, and its body twice.
pub(crate) struct Rendered {
    pub subject: &'static str,
    pub text: String,
    pub html: String,
}

struct Link {
    label: &'static str,
    url: String,
    limits: &'static str,
}

#[derive(Template)]
#[template(path = "email.html")]
struct Html<'a> {
    subject: &'a str,
    paragraphs: &'a [String],
    link: Option<&'a Link>,
    otherwise: &'a str,
    site: &'a str,
    to: &'a str,
}

#[derive(Template)]
#[template(path = "email.txt", escape = "none")]
struct Text<'a> {
    subject: &'a str,
    paragraphs: &'a [String],
    link: Option<&'a Link>,
    otherwise: &'a str,
    site: &'a str,
    to: &'a str,
}

/// Said where the person may not have been the one who did it.
const NOT_YOU: &str =
    "If this was not you, choose a new password at once, and sign out everywhere.";

impl Mail {
    /// Puts the mail into words, for the server at this public URL.
    pub fn render(&self, public_url: &str) -> Result<Rendered, askama::Error> {
        let EmailContent {
            subject,
            paragraphs,
            link,
            otherwise,
        } = self.letter.words(public_url);
        let (site, to, link) = (public_url, self.to.as_str(), link.as_ref());
        let html = Html {
            subject,
            paragraphs: &paragraphs,
            link,
            otherwise,
            site,
            to,
        };
        let text = Text {
            subject,
            paragraphs: &paragraphs,
            link,
            otherwise,
            site,
            to,
        };
        Ok(Rendered {
            subject,
            text: text.render()?,
            html: html.render()?,
        })
    }
}

struct EmailContent {
    subject: &'static str,
    paragraphs: Vec<String>,
    link: Option<Link>,
    otherwise: &'static str,
}

impl EmailContent {
    fn new(subject: &'static str, paragraph: impl Into<String>, otherwise: &'static str) -> Self {
        Self {
            subject,
            paragraphs: vec![paragraph.into()],
            link: None,
            otherwise,
        }
    }

    fn also(mut self, paragraph: impl Into<String>) -> Self {
        self.paragraphs.push(paragraph.into());
        self
    }

    fn link(mut self, label: &'static str, url: String, limits: &'static str) -> Self {
        self.link = Some(Link { label, url, limits });
        self
    }
}

impl EmailTemplate {
    fn words(&self, public_url: &str) -> EmailContent {
        // In the fragment, the token is in no server's log and in no referrer.
        let url =
            |page: &str, token: &LinkToken| format!("{public_url}/{page}#token={}", token.expose());
        match self {
            Self::Activation(token) => EmailContent::new(
                "Confirm your address",
                "Welcome. Open this link to confirm that this address is yours.",
                "If you did not create an account, ignore this mail: without the link nothing happens.",
            )
            .link(
                "Confirm your address",
                url("activate", token),
                "The link works once, for 24 hours.",
            ),
            Self::AlreadyRegistered => EmailContent::new(
                "You have an account already",
                "Somebody, perhaps you, tried to create an account with this address. There is one \
                 already, and it is unchanged.",
                "If it was not you, there is nothing to do.",
            )
            .also(format!(
                "Sign in at {public_url}/login. If the password is forgotten, choose a new one at \
                 {public_url}/forgot."
            )),
            Self::Reset(token) => EmailContent::new(
                "Choose a new password",
                "Somebody, perhaps you, asked for a new password for the account with this address.",
                "If it was not you, ignore this mail: your password stays as it is.",
            )
            .link(
                "Choose a new password",
                url("reset", token),
                "The link works once, for 1 hour. A new password signs out all devices.",
            ),
            Self::EmailChange(token) => EmailContent::new(
                "Confirm your new address",
                "Open this link to make this the address of your account.",
                "If you did not ask for this, ignore this mail: nothing changes.",
            )
            .link(
                "Confirm your new address",
                url("email", token),
                "The link works once, for 24 hours.",
            ),
            Self::EmailChangeAsked { new_email } => EmailContent::new(
                "Your address is about to change",
                format!(
                    "Somebody with your password asked to change the address of your account to \
                     {new_email}. It changes when the link that we sent there is opened."
                ),
                NOT_YOU,
            ),
            Self::EmailChanged { new_email } => EmailContent::new(
                "Your address has changed",
                format!("The address of your account is now {new_email}."),
                "If this was not you, tell those who run this site.",
            ),
            Self::PasswordChanged => EmailContent::new(
                "Your password has changed",
                "The password of your account was changed, and other devices were signed out.",
                "If this was not you, choose a new password at once: \"Forgot password?\" on the \
                 sign-in page sends a link to this address.",
            ),
            Self::SecondFactorOn => EmailContent::new(
                "Two-factor authentication is on",
                "From now on, signing in to your account takes a code from your authenticator app. \
                 Keep the recovery codes in a safe place.",
                NOT_YOU,
            ),
            Self::SecondFactorOff => EmailContent::new(
                "Two-factor authentication is off",
                "Signing in to your account takes the password only.",
                NOT_YOU,
            ),
            Self::RecoveryCodesReplaced => EmailContent::new(
                "You have new recovery codes",
                "New recovery codes were made for your account. Earlier ones no longer work.",
                NOT_YOU,
            ),
            Self::RecoveryCodeUsed { left } => EmailContent::new(
                "A recovery code was used",
                match left {
                    0 => "A recovery code was used to sign in to your account. It was the last one: \
                          make new ones on your account page."
                        .to_owned(),
                    1 => "A recovery code was used to sign in to your account. One is left.".to_owned(),
                    left => format!(
                        "A recovery code was used to sign in to your account. {left} are left."
                    ),
                },
                NOT_YOU,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(letter: EmailTemplate) -> Rendered {
        let mail = Mail {
            to: "ada@example.com".into(),
            letter,
        };
        mail.render("https://accounts.example.com").unwrap()
    }

    #[test]
    fn a_link_stands_in_both_forms() {
        let token = LinkToken::new(&crate::OsRandom);
        let link = format!(
            "https://accounts.example.com/activate#token={}",
            token.expose()
        );
        let mail = rendered(EmailTemplate::Activation(token));
        assert_eq!(mail.subject, "Confirm your address");
        assert!(mail.text.contains(&format!("\n{link}\n")), "{}", mail.text);
        assert!(
            mail.html.contains(&format!("href=\"{link}\"")),
            "{}",
            mail.html
        );
        assert_eq!(mail.html.matches("href=").count(), 1, "one link");
    }

    #[test]
    fn an_address_can_write_no_html() {
        let mail = rendered(EmailTemplate::EmailChanged {
            new_email: "\"<script>\"@example.com".into(),
        });
        assert!(mail.text.contains("\"<script>\"@example.com"));
        assert!(!mail.html.contains("<script>"), "{}", mail.html);
    }
}
