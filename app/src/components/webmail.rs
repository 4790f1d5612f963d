//! A link to where people read their email.

use languages::{tr, tr_with};
use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// Providers of email: the domains of their addresses, their names, and where email is read.
const PROVIDERS: [(&[&str], &str, &str); 5] = [
    (
        &["gmail.com", "googlemail.com"],
        "Gmail",
        "https://mail.google.com/",
    ),
    (
        &["outlook.com", "hotmail.com", "live.com", "msn.com"],
        "Outlook",
        "https://outlook.live.com/mail/",
    ),
    (
        &["yahoo.com", "ymail.com"],
        "Yahoo Mail",
        "https://mail.yahoo.com/",
    ),
    (
        &["icloud.com", "me.com", "mac.com"],
        "iCloud Mail",
        "https://www.icloud.com/mail",
    ),
    (
        &["proton.me", "protonmail.com", "pm.me"],
        "Proton Mail",
        "https://mail.proton.me/",
    ),
];

/// Opens the provider of this address in another tab, if it is one that many people have.
#[component]
pub fn WebmailLink(
    /// The email address.
    email: String,
) -> impl IntoView {
    find(&email).map(|(name, url)| {
        let open = tr_with("Open {name}", &[("name", name)]);
        view! {
            <p class="webmail">
                <a class="button quiet" href=url target="_blank" rel="noopener noreferrer">
                    {open}
                    <Icon name=IconName::Open />
                    <span class="visually-hidden">" " {tr("in a new tab")}</span>
                </a>
            </p>
        }
    })
}

/// Returns the name of the provider of an address, and where email is read.
fn find(email: &str) -> Option<(&'static str, &'static str)> {
    let (_, domain) = email.trim().rsplit_once('@')?;
    let domain = domain.to_ascii_lowercase();
    let is_of = |domains: &[&str]| domains.contains(&domain.as_str());
    let (_, name, url) = PROVIDERS.iter().find(|(domains, ..)| is_of(domains))?;
    Some((name, url))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn providers_are_found_by_the_domain() {
        for (email, name) in [
            ("ada@gmail.com", Some("Gmail")),
            (" Ada@Hotmail.com ", Some("Outlook")),
            ("\"a@gmail.com\"@proton.me", Some("Proton Mail")),
            ("ada@gmail.com.example", None),
            ("ada@mail.example", None),
            ("gmail.com", None),
            ("", None),
        ] {
            assert_eq!(find(email).map(|(name, _)| name), name, "{email}");
        }
    }
}
