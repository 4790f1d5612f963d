//! Which ways to sign in this server offers besides the password, as its pages know it.

/// The ways to sign in besides the password and emailed codes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInWays {
    /// Whether browsers accept passkeys at the server's public URL.
    pub passkeys: bool,
    /// The providers whose accounts can sign in here.
    pub providers: Vec<Provider>,
}

/// A provider whose accounts can sign in here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// The name in paths, of letters, digits and hyphens.
    pub name: String,
    /// The name that users know.
    pub label: String,
}

impl SignInWays {
    /// The providers in the attribute of `<html>`, one in each line; `None` if there are none.
    #[must_use]
    pub fn providers_as_text(&self) -> Option<String> {
        let lines = self
            .providers
            .iter()
            .map(|provider| format!("{} {}", provider.name, provider.label));
        let lines: Vec<_> = lines.collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Returns what the server's page says. It is the same while the page is rendered on the server and
    /// in the browser.
    #[must_use]
    pub fn of_server() -> Self {
        #[cfg(feature = "ssr")]
        {
            let server = leptos::prelude::use_context::<crate::ServerInfo>();
            server.map(|server| server.sign_in_ways).unwrap_or_default()
        }
        #[cfg(not(feature = "ssr"))]
        {
            use crate::hydration::root_attribute;
            let lines = root_attribute("data-providers").unwrap_or_default();
            let providers = lines.lines().filter_map(|line| {
                let (name, label) = line.split_once(' ')?;
                Some(Provider {
                    name: name.to_owned(),
                    label: label.to_owned(),
                })
            });
            Self {
                passkeys: root_attribute("data-passkeys").is_some(),
                providers: providers.collect(),
            }
        }
    }
}
