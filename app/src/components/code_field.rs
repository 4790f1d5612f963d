//! The field for a code of an authenticator app.

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
        <Field submission name="code" label="Code">
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

/// Removes everything but the first [`LENGTH`] digits from an input, and returns their number.
fn keep_digits(input: NodeRef<html::Input>) -> usize {
    let Some(input) = input.get_untracked() else {
        return 0;
    };
    let value = input.value();
    let digits: String = value
        .chars()
        .filter(char::is_ascii_digit)
        .take(LENGTH)
        .collect();
    if digits != value {
        input.set_value(&digits);
    }
    digits.len()
}
