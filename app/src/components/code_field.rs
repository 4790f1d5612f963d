use leptos::{ev, html, prelude::*};

use super::{
    Field, Submission,
    field::{describe, invalid},
};

/// How many digits the code of an authenticator app has.
const LENGTH: usize = 6;

/// Asks for a code of an authenticator app.
#[component]
pub fn CodeField(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
    /// What to do as soon as the code is complete.
    #[prop(into)]
    on_complete: Callback<()>,
) -> impl IntoView {
    let tidy = move |_: ev::Event| {
        let Some(input) = input.get_untracked() else {
            return;
        };
        let typed = input.value();
        let digits: String = typed
            .chars()
            .filter(char::is_ascii_digit)
            .take(LENGTH)
            .collect();
        if digits != typed {
            input.set_value(&digits);
        }
        if digits.len() == LENGTH {
            on_complete.run(());
        }
    };
    // Whatever is typed next takes the place of a wrong code.
    Effect::new(move |_| {
        if let (Some(_), Some(input)) = (invalid(submission, "code"), input.get_untracked()) {
            request_animation_frame(move || input.select());
        }
    });
    // Room for a code that is pasted with a space in it, and for what may stand around it.
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
                on:input=tidy
            />
        </Field>
    }
}
