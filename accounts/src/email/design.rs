//! What the operator decides about emails: the site's name and color, who answers questions, where links
//! lead, and templates.

use std::str::FromStr;

use languages::{language, tr, tr_with};
use minijinja::{Value, context, value::Serde};
use url::Url;

use super::{
    content::EmailContent, palette::Palette, sender::EmailFrom, template_files::EmailTemplates,
};
use crate::crypto::email_token::LinkToken;

/// What stands for the token in the URL of a link.
const TOKEN: &str = "{token}";

/// What the operator decides about emails.
#[derive(Clone, Debug)]
pub struct EmailDesign {
    /// The server's public URL, with which links begin that have no URL of their own.
    pub public_url: String,
    /// The name of the site, if it has one of its own.
    pub site_name: Option<String>,
    /// The shades of the accent color.
    pub palette: Palette,
    /// Who answers questions.
    pub support: Option<EmailFrom>,
    /// Where links lead, in place of Latchkey's own pages.
    pub links: EmailLinks,
    /// The templates that replace Latchkey's.
    pub templates: EmailTemplates,
}

/// The pages of a front end of one's own, in place of Latchkey's.
#[derive(Clone, Debug, Default)]
pub struct EmailLinks {
    /// `/activate`: verifies an email address.
    pub activate: Option<LinkUrl>,
    /// `/reset`: takes a new password.
    pub reset: Option<LinkUrl>,
    /// `/email`: confirms a new email address.
    pub email_change: Option<LinkUrl>,
    /// `/email/undo`: takes back a change of the email address.
    pub email_undo: Option<LinkUrl>,
    /// `/device`: ends a session on a new device.
    pub device: Option<LinkUrl>,
    /// `/register`: accepts an invitation.
    pub invitation: Option<LinkUrl>,
    /// `/login`: signs in. It takes no token.
    pub login: Option<String>,
    /// `/forgot`: requests a link to choose a new password. It takes no token.
    pub forgot: Option<String>,
}

/// The URL of a page that takes the token of an emailed link in its fragment, where no server and no
/// referrer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkUrl(String);

/// The text is not a [`LinkUrl`].
#[derive(Debug, thiserror::Error)]
pub enum InvalidLinkUrl {
    /// It is not the URL of a page.
    #[error("write it as https://<host>/<page>")]
    Syntax,
    /// It has a fragment without a place for the token.
    #[error("after the #, write {TOKEN} where the token belongs, or leave the # out")]
    NoToken,
    /// The token would be sent to the server, and be in its logs.
    #[error("{TOKEN} belongs once, and after a #, so that it appears in no server's log")]
    TokenOutsideFragment,
}

impl FromStr for LinkUrl {
    type Err = InvalidLinkUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| InvalidLinkUrl::Syntax)?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !is_plain {
            return Err(InvalidLinkUrl::Syntax);
        }
        let (page, fragment) = match text.split_once('#') {
            Some((page, fragment)) => (page, Some(fragment)),
            None => (text, None),
        };
        let count = fragment.map_or(0, |fragment| fragment.matches(TOKEN).count());
        if page.contains(TOKEN) || count > 1 {
            return Err(InvalidLinkUrl::TokenOutsideFragment);
        }
        if fragment.is_some() && count == 0 {
            return Err(InvalidLinkUrl::NoToken);
        }
        // The parser leaves braces in a fragment as they are.
        Ok(Self(url.into()))
    }
}

impl LinkUrl {
    /// Returns the URL with the token, as the parameter with this name if the URL does not say where.
    fn with_token(&self, name: &str, token: &str) -> String {
        if self.0.contains('#') {
            self.0.replace(TOKEN, token)
        } else {
            format!("{}#{name}={token}", self.0)
        }
    }
}

impl EmailDesign {
    /// Creates the design of a server that the operator has not changed.
    #[must_use]
    pub fn new(public_url: String) -> Self {
        Self {
            public_url,
            site_name: None,
            palette: Palette::default(),
            support: None,
            links: EmailLinks::default(),
            templates: EmailTemplates::default(),
        }
    }

    /// Returns the URL of a page that takes a token.
    pub(super) fn link(&self, url: Option<&LinkUrl>, page: &str, token: &LinkToken) -> String {
        match url {
            Some(url) => url.with_token("token", token.expose()),
            None => format!("{}/{page}#token={}", self.public_url, token.expose()),
        }
    }

    /// Returns the URL of the page that accepts an invitation.
    pub(super) fn invitation_link(&self, token: &LinkToken) -> String {
        match &self.links.invitation {
            Some(url) => url.with_token("invitation", token.expose()),
            None => format!("{}/register#invitation={}", self.public_url, token.expose()),
        }
    }

    /// Returns the URL of a page that takes no token.
    pub(super) fn page(&self, url: Option<&str>, page: &str) -> String {
        url.map_or_else(|| format!("{}/{page}", self.public_url), ToOwned::to_owned)
    }

    /// Returns what the templates of an email to this address can use.
    pub(super) fn context(&self, name: &str, content: &EmailContent, to: &str) -> Value {
        context! {
            email => name,
            site_name => self.site_name.as_deref().unwrap_or("Latchkey"),
            site => self.sender(),
            public_url => &*self.public_url,
            support => self.support.as_ref().map(EmailFrom::address),
            light => Serde(&self.palette.light),
            dark => Serde(&self.palette.dark),
            to => to,
            language => language().code(),
            subject => content.subject,
            paragraphs => Serde(&content.paragraphs),
            link => Serde(&content.link),
            code => content.code.as_deref(),
            origin => content.origin.as_deref(),
            note => content.note,
            copy_link => tr("If the button doesn't work, copy this link into your browser:"),
            enter_code => match &content.link {
                Some(_) => tr("If the page asks for a code, enter"),
                None => tr("To sign in, enter"),
            },
            footer => self.footer(to),
        }
    }

    /// Says where the email comes from, and who answers questions.
    fn footer(&self, to: &str) -> String {
        let sent = tr_with(
            "Sent by {site} to {to}.",
            &[("site", &self.sender()), ("to", to)],
        );
        let reply = match &self.support {
            Some(support) => tr_with(
                "Questions? Reply to this email, or write to {support}.",
                &[("support", &support.address())],
            ),
            None => tr("Replies to this address aren't read.").to_owned(),
        };
        format!("{sent} {reply}")
    }

    /// Returns what the email says it comes from: the host of the site, as people know it, behind its
    /// name.
    fn sender(&self) -> String {
        let host = self
            .public_url
            .split_once("://")
            .map_or(&*self.public_url, |(_, host)| host);
        match &self.site_name {
            Some(name) => format!("{name} ({host})"),
            None => host.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_in_the_fragment() {
        for (text, url) in [
            (
                "https://app.example.com/reset",
                "https://app.example.com/reset#token=t",
            ),
            (
                "https://app.example.com",
                "https://app.example.com/#token=t",
            ),
            (
                "http://localhost:5173/a?b=c",
                "http://localhost:5173/a?b=c#token=t",
            ),
            (
                "https://app.example.com/#/reset/{token}",
                "https://app.example.com/#/reset/t",
            ),
            (
                "https://app.example.com/#/r?token={token}&x=1",
                "https://app.example.com/#/r?token=t&x=1",
            ),
        ] {
            assert_eq!(
                text.parse::<LinkUrl>().unwrap().with_token("token", "t"),
                url
            );
        }
        for (text, reason) in [
            ("", "https://<host>/<page>"),
            ("/reset", "https://<host>/<page>"),
            ("javascript:alert(1)", "https://<host>/<page>"),
            (
                "https://user:password@app.example.com/",
                "https://<host>/<page>",
            ),
            ("https://app.example.com/#/reset", "write {token} where"),
            ("https://app.example.com/?token={token}", "after a #"),
            ("https://app.example.com/{token}#{token}", "after a #"),
            ("https://app.example.com/#{token}{token}", "after a #"),
        ] {
            let error = text.parse::<LinkUrl>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
