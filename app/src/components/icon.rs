//! Icons.

use leptos::prelude::*;

/// Declares the icons, and the elements that refer to their symbols in `shell/icons.svg`.
macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident => $id:literal,)*) => {
        /// An icon: the symbol in `shell/icons.svg`, which `scripts/icons` makes from this list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IconName {
            $($(#[$doc])* $name,)*
        }

        impl IconName {
            /// Every icon.
            #[cfg(test)]
            pub const ALL: &[(Self, &'static str)] = &[$((Self::$name, $id),)*];

            /// Returns the element that shows the symbol.
            const fn element(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("<use href=\"#icon-", $id, "\"></use>"),)*
                }
            }
        }
    };
}

icons! {
    /// Something succeeded, or is as it should be.
    Success => "circle-check",
    /// Something needs attention.
    Warning => "triangle-alert",
    /// Something failed.
    Error => "circle-alert",
    /// The overview of the account.
    Overview => "circle-user",
    /// The profile.
    Profile => "user-round",
    /// Users, and their administration.
    Users => "users",
    /// Security.
    Security => "shield-check",
    /// Devices, and a computer.
    Computer => "monitor",
    /// A phone.
    Phone => "smartphone",
    /// A tablet.
    Tablet => "tablet",
    /// A program.
    Program => "terminal",
    /// Activity, and the last sign-in.
    History => "history",
    /// Deletion.
    Delete => "trash-2",
    /// Signing in.
    SignIn => "log-in",
    /// Signing out.
    SignOut => "log-out",
    /// A password, or a code.
    Key => "key-round",
    /// A passkey.
    Passkey => "fingerprint",
    /// An email.
    Email => "mail",
    /// Shows what is hidden.
    Show => "eye",
    /// Hides what is shown.
    Hide => "eye-off",
    /// Copies.
    Copy => "copy",
    /// Downloads.
    Download => "download",
    /// Prints.
    Print => "printer",
    /// Webhooks.
    Webhook => "webhook",
    /// Searches.
    Search => "search",
    /// Opens another app.
    Open => "external-link",
}

/// An icon beside a text that says the same, so screen readers leave it out.
#[component]
pub fn Icon(
    /// The icon.
    name: IconName,
) -> impl IntoView {
    view! {
        <svg class="icon" aria-hidden="true" focusable="false" inner_html=name.element()></svg>
    }
}

#[cfg(test)]
mod tests {
    use super::IconName;

    #[test]
    fn every_icon_has_a_symbol() {
        let symbols = include_str!("../shell/icons.svg");
        for (name, id) in IconName::ALL {
            assert!(
                symbols.contains(&format!("<symbol id=\"icon-{id}\"")),
                "{name:?}: run scripts/icons"
            );
        }
        assert_eq!(symbols.matches("<symbol").count(), IconName::ALL.len());
    }
}
