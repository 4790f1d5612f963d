//! The field for a code of an authenticator app.

use languages::tr;
use leptos::{ev, html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};

/// The number of digits in a code of an authenticator app.
const LENGTH: usize = 6;

/// Asks for a code of an authenticator app.
#[component]
pub fn CodeField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the code.
    input: NodeRef<html::Input>,
    /// Called as soon as the code is complete.
    #[prop(into)]
    on_complete: Callback<()>,
) -> impl IntoView {
    let check = move |_: ev::Event| {
        if keep_digits(input) == LENGTH {
            on_complete.run(());
        }
    };
    // A wrong code is selected, so that typing replaces it.
    Effect::new(move |_| {
        if let (Some(_), Some(input)) = (invalid(submission, "code"), input.get_untracked()) {
            request_animation_frame(move || input.select());
        }
    });
    // `maxlength` leaves room for a pasted code with spaces in or around it.
    view! {
        <Field submission name="code" label=tr("Code")>
            <input
                node_ref=input
                class="code"
                id="code"
                name="code"
                type="text"
                inputmode="numeric"
                autocomplete="one-time-code"
                autocapitalize="none"
                spellcheck="false"
                maxlength="24"
                autofocus
                required
                aria-describedby=describe("code", None)
                aria-invalid=move || invalid(submission, "code")
                on:input=check
            />
        </Field>
    }
}

/// Returns the ASCII digit for a digit of the keyboards on which ASCII digits are not the first choice:
/// full-width, Arabic and Persian.
fn ascii_digit(c: char) -> Option<char> {
    let zero = match c {
        '0'..='9' => '0',
        '\u{ff10}'..='\u{ff19}' => '\u{ff10}',
        '\u{660}'..='\u{669}' => '\u{660}',
        '\u{6f0}'..='\u{6f9}' => '\u{6f0}',
        _ => return None,
    };
    char::from_digit(u32::from(c) - u32::from(zero), 10)
}

/// Removes everything but the first [`LENGTH`] digits from an input, and returns their number.
fn keep_digits(input: NodeRef<html::Input>) -> usize {
    let Some(input) = input.get_untracked() else {
        return 0;
    };
    let value = input.value();
    let digits: String = value.chars().filter_map(ascii_digit).take(LENGTH).collect();
    if digits != value {
        input.set_value(&digits);
    }
    digits.len()
}

#[cfg(test)]
mod tests {
    use super::ascii_digit;

    #[test]
    fn digits_of_other_keyboards_are_read() {
        for typed in ["287082", "２８７０８２", "٢٨٧٠٨٢", "۲۸۷۰۸۲", " 28-70 82x"]
        {
            let digits: String = typed.chars().filter_map(ascii_digit).collect();
            assert_eq!(digits, "287082", "{typed}");
        }
    }
}
