//! What each email says.

use std::path::Path;

use languages::{Language, in_language, stated_language, tr_with};
use serde::{Deserialize, Serialize};

use super::{
    address::email_for_display,
    content::EmailContent,
    design::EmailDesign,
    links, notices,
    sender::EmailFrom,
    signed_in_with::SignedInWith,
    template_files::{EmailTemplates, Format, InvalidTemplates},
};
use crate::{
    clock::Timestamp,
    crypto::email_token::{LinkCode, LinkToken},
    device::{Device, device_name},
    random::OsRandom,
    text::printable,
};

/// An email: recipient and template. It waits in the outbox in this form, as encrypted JSON, so the
/// serialized names must stay readable for later versions.
#[derive(Serialize, Deserialize)]
pub(crate) struct Email {
    /// The email address of the recipient.
    pub to: String,
    /// What the email says.
    #[serde(rename = "letter")]
    pub template: EmailTemplate,
    /// The code that does the same as the link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<LinkCode>,
    /// Where the email comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The language of the request that has caused the email. It counts where the recipient's is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl Email {
    /// Creates an email without a code, in the language of the current request.
    pub fn new(to: &str, template: EmailTemplate) -> Self {
        Self {
            to: to.to_owned(),
            template,
            code: None,
            origin: None,
            language: stated_language().map(|language| language.code().to_owned()),
        }
    }
}

/// The request that an email is about.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// When it was made, in RFC 3339.
    pub at: String,
    /// The IP address of the device; may be empty.
    pub ip: String,
    /// The user agent of the device; may be empty.
    pub user_agent: String,
}

impl Origin {
    /// A request that this device makes now.
    pub fn new(device: &Device, now: Timestamp) -> Self {
        Self {
            at: now.to_string(),
            ip: device.ip.to_string(),
            user_agent: device.user_agent.clone(),
        }
    }

    /// Says when a request was made, and from which device.
    fn describe(&self) -> String {
        let minute = self.at.get(..16).unwrap_or(&self.at).replace('T', " ");
        if self.ip.is_empty() {
            return tr_with("Requested on {time} UTC.", &[("time", &minute)]);
        }
        let device = device_name(&self.user_agent);
        tr_with(
            "Requested on {time} UTC from {device}, IP address {ip}.",
            &[("time", &minute), ("device", &device), ("ip", &self.ip)],
        )
    }
}

/// What an email says. A token belongs to a link, which works once.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EmailTemplate {
    /// A link that verifies the email address of a new account.
    Activation(LinkToken),
    /// Someone tried to register with the email address of an account.
    AlreadyRegistered,
    /// A link to choose a new password.
    Reset(LinkToken),
    /// A code to sign in with.
    SignInCode {
        /// Whether it is the first proof of the address, which removes the password.
        is_first_proof: bool,
    },
    /// A link that makes this the account's email address.
    EmailChange(LinkToken),
    /// To the present email address: a change to another one was requested.
    #[serde(rename = "email_change_asked")]
    EmailChangeRequested { new_email: String },
    /// To the old email address: the account has another one now.
    EmailChanged { new_email: String },
    /// The same, with a link that takes the change back.
    EmailChangedWithUndo { new_email: String, undo: LinkToken },
    /// The account was deleted by its user.
    AccountDeleted,
    /// The account was deleted by an administrator.
    AccountRemoved,
    /// A link that creates an account.
    Invitation(LinkToken),
    /// Someone signed in on a device that has not signed in before.
    NewDevice,
    /// The same, with a link that ends the session.
    NewSession {
        with: SignedInWith,
        reject: LinkToken,
    },
    /// An account at a provider can sign in from now on.
    IdentityLinked { provider: String },
    /// An account at a provider can't sign in any more.
    IdentityUnlinked { provider: String },
    /// The password was changed.
    PasswordChanged,
    /// The password was removed.
    PasswordRemoved,
    /// Two-factor authentication was turned on.
    SecondFactorOn,
    /// Two-factor authentication was turned off.
    SecondFactorOff,
    /// There are new recovery codes.
    RecoveryCodesReplaced,
    /// A recovery code was used.
    RecoveryCodeUsed { left: u32 },
    /// An authenticator app was added beside others.
    TotpAdded { name: String },
    /// One of several authenticator apps was removed.
    TotpRemoved { name: String },
    /// A passkey was added.
    PasskeyAdded { name: String },
    /// A passkey was removed.
    PasskeyRemoved { name: String },
    /// To administrators: the server has disabled a webhook.
    WebhookDisabled { host: String, reason: String },
}

/// An email as text: its subject, and its body in both formats.
pub(crate) struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Email {
    /// Renders the email as the operator wants it, in the language of the recipient, if it is known.
    pub fn render(
        &self,
        design: &EmailDesign,
        recipient: Option<Language>,
    ) -> Result<Rendered, minijinja::Error> {
        let stated = self.language.as_deref().and_then(Language::from_tag);
        let language = recipient.or(stated).unwrap_or_default();
        in_language(language, || self.render_in_language(design))
    }

    fn render_in_language(&self, design: &EmailDesign) -> Result<Rendered, minijinja::Error> {
        let content = &EmailContent {
            code: self.code.as_ref().map(LinkCode::expose),
            origin: self.origin.as_ref().map(Origin::describe),
            ..self.template.content(design)
        };
        let (name, templates) = (self.template.name(), &design.templates);
        let context = &design.context(name, content, &shown(&self.to));
        let subject = templates.write_subject(name, context)?;
        let is_code = matches!(self.template, EmailTemplate::SignInCode { .. });
        let essential = content.code.as_deref().filter(|_| is_code);
        Ok(Rendered {
            subject: subject.unwrap_or_else(|| content.subject.to_owned()),
            text: templates.write(name, Format::Text, context, essential)?,
            html: templates.write(name, Format::Html, context, essential)?,
        })
    }
}

impl EmailTemplate {
    /// The name of the operator's template.
    fn name(&self) -> &'static str {
        match self {
            Self::Activation(_) => "activation",
            Self::AlreadyRegistered => "already_registered",
            Self::Reset(_) => "reset",
            Self::SignInCode { .. } => "sign_in_code",
            Self::EmailChange(_) => "email_change",
            Self::EmailChangeRequested { .. } => "email_change_requested",
            Self::EmailChanged { .. } | Self::EmailChangedWithUndo { .. } => "email_changed",
            Self::AccountDeleted => "account_deleted",
            Self::AccountRemoved => "account_removed",
            Self::Invitation(_) => "invitation",
            Self::NewDevice | Self::NewSession { .. } => "new_device",
            Self::IdentityLinked { .. } => "identity_linked",
            Self::IdentityUnlinked { .. } => "identity_unlinked",
            Self::PasswordChanged => "password_changed",
            Self::PasswordRemoved => "password_removed",
            Self::SecondFactorOn => "second_factor_on",
            Self::SecondFactorOff => "second_factor_off",
            Self::RecoveryCodesReplaced => "recovery_codes_replaced",
            Self::RecoveryCodeUsed { .. } => "recovery_code_used",
            Self::TotpAdded { .. } => "totp_added",
            Self::TotpRemoved { .. } => "totp_removed",
            Self::PasskeyAdded { .. } => "passkey_added",
            Self::PasskeyRemoved { .. } => "passkey_removed",
            Self::WebhookDisabled { .. } => "webhook_disabled",
        }
    }

    /// Returns one of each email.
    fn samples() -> Vec<Self> {
        let token = || LinkToken::new(&OsRandom);
        let email = || "new@example.com".to_owned();
        let provider = || "Example".to_owned();
        vec![
            Self::Activation(token()),
            Self::AlreadyRegistered,
            Self::Reset(token()),
            Self::SignInCode {
                is_first_proof: true,
            },
            Self::EmailChange(token()),
            Self::EmailChangeRequested { new_email: email() },
            Self::EmailChanged { new_email: email() },
            Self::EmailChangedWithUndo {
                new_email: email(),
                undo: token(),
            },
            Self::AccountDeleted,
            Self::AccountRemoved,
            Self::Invitation(token()),
            Self::NewDevice,
            Self::NewSession {
                with: SignedInWith::Secret,
                reject: token(),
            },
            Self::IdentityLinked {
                provider: provider(),
            },
            Self::IdentityUnlinked {
                provider: provider(),
            },
            Self::PasswordChanged,
            Self::PasswordRemoved,
            Self::SecondFactorOn,
            Self::SecondFactorOff,
            Self::RecoveryCodesReplaced,
            Self::RecoveryCodeUsed { left: 9 },
            Self::TotpAdded {
                name: "Phone".to_owned(),
            },
            Self::TotpRemoved {
                name: "Phone".to_owned(),
            },
            Self::PasskeyAdded {
                name: "Laptop".to_owned(),
            },
            Self::PasskeyRemoved {
                name: "Laptop".to_owned(),
            },
            Self::WebhookDisabled {
                host: "hooks.example.com".to_owned(),
                reason: "it did not respond".to_owned(),
            },
        ]
    }

    fn content(&self, site: &EmailDesign) -> EmailContent {
        match self {
            Self::Activation(token) => links::activation(site, token),
            Self::AlreadyRegistered => links::already_registered(site),
            Self::Reset(token) => links::reset(site, token),
            Self::SignInCode { is_first_proof } => notices::sign_in_code(*is_first_proof),
            Self::EmailChange(token) => links::email_change(site, token),
            Self::Invitation(token) => links::invitation(site, token),
            Self::EmailChangeRequested { new_email } => {
                notices::email_change_requested(&shown(new_email))
            }
            Self::EmailChanged { new_email } => notices::email_changed(&shown(new_email)),
            Self::EmailChangedWithUndo { new_email, undo } => {
                links::email_changed_with_undo(site, &shown(new_email), undo)
            }
            Self::AccountDeleted => notices::account_deleted(),
            Self::AccountRemoved => notices::account_removed(),
            Self::NewDevice => notices::new_device(),
            Self::NewSession { with, reject } => links::new_session(site, with, reject),
            Self::IdentityLinked { provider } => notices::identity_linked(provider),
            Self::IdentityUnlinked { provider } => notices::identity_unlinked(provider),
            Self::PasswordChanged => notices::password_changed(),
            Self::PasswordRemoved => notices::password_removed(),
            Self::SecondFactorOn => notices::second_factor_on(),
            Self::SecondFactorOff => notices::second_factor_off(),
            Self::RecoveryCodesReplaced => notices::recovery_codes_replaced(),
            Self::RecoveryCodeUsed { left } => notices::recovery_code_used(*left),
            Self::TotpAdded { name } => notices::totp_added(name),
            Self::TotpRemoved { name } => notices::totp_removed(name),
            Self::PasskeyAdded { name } => notices::passkey_added(name),
            Self::PasskeyRemoved { name } => notices::passkey_removed(name),
            Self::WebhookDisabled { host, reason } => notices::webhook_disabled(host, reason),
        }
    }
}

impl EmailTemplates {
    /// Reads the templates in a folder, and writes each email with them once.
    ///
    /// # Errors
    /// When the folder can't be read, or one of its templates can't be used. The message is one line.
    pub fn from_folder(folder: &Path) -> Result<Self, InvalidTemplates> {
        let samples = EmailTemplate::samples();
        let names: Vec<_> = samples.iter().map(EmailTemplate::name).collect();
        let mut design = EmailDesign::new("https://accounts.example.com".to_owned());
        design.templates = Self::read(folder, &names)?;
        for template in samples {
            check(template, &mut design)?;
        }
        Ok(design.templates)
    }
}

/// Writes an email with everything that it can have, and without.
fn check(template: EmailTemplate, design: &mut EmailDesign) -> Result<(), InvalidTemplates> {
    let name = template.name();
    let mut email = Email::new("ada@example.com", template);
    for is_complete in [false, true] {
        design.support = is_complete.then(|| EmailFrom::local("Support"));
        design.site_name = is_complete.then(|| "Site".to_owned());
        if is_complete {
            email.code = Some(LinkCode::new(&OsRandom));
            email.origin = Some(Origin {
                at: "2026-03-01T12:34:56Z".to_owned(),
                ip: "192.0.2.7".to_owned(),
                user_agent: String::new(),
            });
        }
        let rendered = email.render(design, None);
        let rendered = rendered.map_err(|error| InvalidTemplates::failed(name, &error))?;
        if rendered.subject.is_empty() {
            let name = name.to_owned();
            return Err(InvalidTemplates::NoSubject { name });
        }
        let link = email.template.content(design).link;
        let needs_code = matches!(email.template, EmailTemplate::SignInCode { .. });
        let code = email.code.as_ref().filter(|_| needs_code);
        let code = code.map(LinkCode::expose);
        for (extension, text) in [("html", &rendered.html), ("txt", &rendered.text)] {
            if link.as_ref().is_some_and(|link| !text.contains(&link.url)) {
                let name = format!("{name}.{extension}");
                return Err(InvalidTemplates::NoLink { name });
            }
            if code.as_ref().is_some_and(|code| !text.contains(code)) {
                let name = format!("{name}.{extension}");
                return Err(InvalidTemplates::NoCode { name });
            }
        }
    }
    Ok(())
}

/// An email address as people read it. One that an earlier version accepted may have a tab in it.
fn shown(email: &str) -> String {
    printable(&email_for_display(email)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design() -> EmailDesign {
        EmailDesign::new("https://accounts.example.com".to_owned())
    }

    fn rendered(template: EmailTemplate) -> Rendered {
        let email = Email::new("ada@example.com", template);
        email.render(&design(), None).unwrap()
    }

    #[test]
    fn a_link_is_in_both_formats() {
        let token = LinkToken::new(&OsRandom);
        let link = format!(
            "https://accounts.example.com/activate#token={}",
            token.expose()
        );
        let email = rendered(EmailTemplate::Activation(token));
        assert_eq!(email.subject, "Confirm your email address");
        assert!(
            email.text.contains(&format!("\n{link}\n")),
            "{}",
            email.text
        );
        assert!(
            email.html.contains(&format!("href=\"{link}\"")),
            "{}",
            email.html
        );
        assert_eq!(email.html.matches("href=").count(), 1, "one link");
        // As text, too, for programs that show no links and for people who want to see where it leads.
        assert!(
            email.html.contains(&format!("browser: {link}</p>")),
            "{}",
            email.html
        );
    }

    #[test]
    fn an_email_address_is_escaped_in_html() {
        let email = rendered(EmailTemplate::EmailChanged {
            new_email: "\"<script>\"@example.com".into(),
        });
        assert!(email.text.contains("\"<script>\"@example.com"));
        assert!(!email.html.contains("<script>"), "{}", email.html);
    }

    #[test]
    fn an_email_address_is_shown_in_unicode_and_without_control_characters() {
        for (address, shown) in [
            ("ada@xn--bcher-kva.example", "ada@bücher.example"),
            ("\"a\tb\"@example.com", "\"a\\u{9}b\"@example.com"),
        ] {
            let email = rendered(EmailTemplate::EmailChanged {
                new_email: address.into(),
            });
            assert!(email.text.contains(shown), "{}", email.text);
            assert!(!email.text.contains(address), "{}", email.text);
        }
    }

    #[test]
    fn the_language_of_the_recipient_counts_before_that_of_the_request() {
        let email = in_language(Language::French, || {
            Email::new("ada@example.com", EmailTemplate::PasswordChanged)
        });
        let json = serde_json::to_string(&email).unwrap();
        let email: Email = serde_json::from_str(&json).unwrap();
        for (recipient, subject, html) in [
            (
                None,
                "Votre mot de passe a été modifié",
                "<html lang=\"fr\">",
            ),
            (
                Some(Language::German),
                "Ihr Passwort wurde geändert",
                "<html lang=\"de\">",
            ),
            (
                Some(Language::English),
                "Your password was changed",
                "<html lang=\"en\">",
            ),
        ] {
            let rendered = email.render(&design(), recipient).unwrap();
            assert_eq!(rendered.subject, subject);
            assert!(rendered.html.contains(html), "{}", rendered.html);
        }
    }

    #[test]
    fn a_code_and_the_origin_are_in_both_formats() {
        let code = LinkCode::new(&OsRandom);
        let reset = EmailTemplate::Reset(LinkToken::new(&OsRandom));
        let email = Email {
            code: Some(code.clone()),
            origin: Some(Origin {
                at: "2026-03-01T12:34:56.789Z".into(),
                ip: "192.0.2.7".into(),
                user_agent: "curl/8".into(),
            }),
            ..Email::new("ada@example.com", reset)
        };
        let json = serde_json::to_string(&email).unwrap();
        let email: Email = serde_json::from_str(&json).unwrap();
        let rendered = email.render(&design(), None).unwrap();
        let origin = "Requested on 2026-03-01 12:34 UTC from curl, IP address 192.0.2.7.";
        for text in [&rendered.text, &rendered.html] {
            assert!(text.contains(&code.expose()), "{text}");
            assert!(text.contains(origin), "{text}");
        }
    }

    /// Emails that an earlier version has left in the outbox are sent, and the other way around while
    /// servers are updated one by one.
    #[test]
    fn serialized_names_stay() {
        for (template, subject) in [
            (r#"{"activation":"t"}"#, "Confirm your email address"),
            (r#""already_registered""#, "You already have an account"),
            (r#"{"reset":"t"}"#, "Choose a new password"),
            (r#"{"email_change":"t"}"#, "Confirm your new email address"),
            (
                r#"{"sign_in_code":{"is_first_proof":true}}"#,
                "Your code to sign in",
            ),
            (
                r#"{"invitation":"t"}"#,
                "You are invited to create an account",
            ),
            (
                r#"{"email_change_asked":{"new_email":"e"}}"#,
                "Your email address is about to change",
            ),
            (
                r#"{"email_changed":{"new_email":"e"}}"#,
                "Your email address was changed",
            ),
            (
                r#"{"email_changed_with_undo":{"new_email":"e","undo":"t"}}"#,
                "Your email address was changed",
            ),
            (r#""account_deleted""#, "Your account was deleted"),
            (r#""new_device""#, "New sign-in to your account"),
            (
                r#"{"new_session":{"with":"code","reject":"t"}}"#,
                "New sign-in to your account",
            ),
            (
                r#"{"new_session":{"with":{"provider":"p"},"reject":"t"}}"#,
                "New sign-in to your account",
            ),
            (
                r#"{"identity_linked":{"provider":"p"}}"#,
                "A way to sign in was added",
            ),
            (
                r#"{"identity_unlinked":{"provider":"p"}}"#,
                "A way to sign in was removed",
            ),
            (r#""password_changed""#, "Your password was changed"),
            (r#""second_factor_on""#, "Two-factor authentication is on"),
            (r#""second_factor_off""#, "Two-factor authentication is off"),
            (
                r#""recovery_codes_replaced""#,
                "You have new recovery codes",
            ),
            (
                r#"{"recovery_code_used":{"left":9}}"#,
                "A recovery code was used",
            ),
            (
                r#"{"totp_added":{"name":"n"}}"#,
                "An authenticator app was added",
            ),
            (
                r#"{"totp_removed":{"name":"n"}}"#,
                "An authenticator app was removed",
            ),
            (
                r#"{"passkey_added":{"name":"n"}}"#,
                "A passkey was added to your account",
            ),
            (
                r#"{"passkey_removed":{"name":"n"}}"#,
                "A passkey was removed from your account",
            ),
            (
                r#"{"webhook_disabled":{"host":"h","reason":"gone"}}"#,
                "A webhook was disabled",
            ),
        ] {
            let json = format!(r#"{{"to":"ada@example.com","letter":{template}}}"#);
            let email: Email = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&email).unwrap(), json);
            let rendered = email.render(&design(), None).unwrap();
            assert_eq!(rendered.subject, subject);
        }
    }
}
