//! A hint for email addresses with a mistyped domain.

use languages::tr_around;
use leptos::{html, prelude::*};

use super::field::input_value;

/// Providers whose names are often mistyped. Shorter names resemble too many others.
const PROVIDERS: [&str; 8] = [
    "gmail.com",
    "googlemail.com",
    "hotmail.com",
    "icloud.com",
    "outlook.com",
    "proton.me",
    "protonmail.com",
    "yahoo.com",
];

/// Other providers, whose names differ from one of these by a letter.
const SIMILAR: [&str; 3] = ["email.com", "mail.com", "ymail.com"];

/// Offers the address with the provider that was probably meant. [`look_for_slip`] finds it when the
/// field is left.
#[component]
pub fn EmailSuggestion(
    /// The input of the email address.
    input: NodeRef<html::Input>,
    /// The suggested address.
    suggestion: RwSignal<Option<String>>,
) -> impl IntoView {
    // Finding the same address again must not replace the button that is being pressed.
    let shown = Memo::new(move |_| suggestion.get());
    let accept = move |_| {
        if let (Some(input), Some(address)) = (input.get_untracked(), suggestion.get_untracked()) {
            input.set_value(&address);
            // The button that had the focus is about to go.
            let _ = input.focus();
        }
        suggestion.set(None);
    };
    view! {
        <p class="suggestion" role="status">
            {move || {
                shown
                    .get()
                    .map(|address| {
                        let (before, after) = tr_around("Did you mean {address}?", "address");
                        view! {
                            <span>
                                {before}
                                <button type="button" class="link" translate="no" on:click=accept>
                                    {address}
                                </button> {after}
                            </span>
                        }
                    })
            }}
        </p>
    }
}

/// Looks for a mistyped domain when the focus leaves a field of the form.
pub fn look_for_slip(input: NodeRef<html::Input>, suggestion: RwSignal<Option<String>>) {
    // A form that is being removed loses the focus, too, and its signals are gone already.
    if suggestion.try_get_untracked().is_some() {
        suggestion.set(suggest(&input_value(input)));
    }
}

/// Returns the email address with the domain that was probably meant, if this one looks mistyped.
fn suggest(email: &str) -> Option<String> {
    let (local, domain) = email.trim().rsplit_once('@')?;
    let domain = domain.to_ascii_lowercase();
    let is_known = |domain| PROVIDERS.contains(&domain) || SIMILAR.contains(&domain);
    if local.is_empty() || is_known(domain.as_str()) {
        return None;
    }
    let meant = PROVIDERS
        .iter()
        .find(|provider| is_one_slip(&domain, provider))?;
    Some(format!("{local}@{meant}"))
}

/// Returns whether one text becomes the other by adding, leaving out or replacing a letter, or by
/// exchanging two neighbours.
fn is_one_slip(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let start = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[start..], &b[start..]);
    let pairs = a.iter().rev().zip(b.iter().rev());
    let end = pairs.take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - end], &b[..b.len() - end]) {
        ([], [_]) | ([_], [] | [_]) => true,
        ([first, second], [third, fourth]) => first == fourth && second == third,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn slips_are_noticed() {
        for (typed, meant) in [
            ("ada@gmial.com", "ada@gmail.com"),
            ("ada@gmai.com", "ada@gmail.com"),
            ("ada@gmaill.com", "ada@gmail.com"),
            ("ada@gnail.com", "ada@gmail.com"),
            ("ada@gmail.con", "ada@gmail.com"),
            ("ada@gmail.co", "ada@gmail.com"),
            (" Ada@GMIAL.com ", "Ada@gmail.com"),
            ("ada@hotmial.com", "ada@hotmail.com"),
            ("ada@outlok.com", "ada@outlook.com"),
            ("ada@yaho.com", "ada@yahoo.com"),
            ("\"a@b\"@iclould.com", "\"a@b\"@icloud.com"),
        ] {
            assert_eq!(suggest(typed).as_deref(), Some(meant), "{typed}");
        }
    }

    #[test]
    fn other_domains_are_left_alone() {
        for typed in [
            "",
            "ada",
            "@gmial.com",
            "ada@",
            "ada@gmail.com",
            "ada@GMAIL.COM",
            "ada@mail.com",
            "ada@ymail.com",
            "ada@yahoo.co.uk",
            "ada@hotmail.fr",
            "ada@example.com",
            "ada@gmx.de",
        ] {
            assert_eq!(suggest(typed), None, "{typed}");
        }
    }
}
