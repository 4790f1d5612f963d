use leptos::{html, prelude::*};

use super::{
    Field, Submission,
    field::{describe, invalid},
};
use crate::Waiting;

/// What helps to choose a good password.
pub const PASSWORD_HINT: &str = "8 characters or more. A few random words are easy to remember.";

/// Asks for a password, and shows it on demand.
#[component]
pub fn PasswordField(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    #[prop(default = "password")]
    name: &'static str,
    /// What to type here.
    #[prop(default = "Password")]
    label: &'static str,
    /// `new-password` or `current-password`, for password managers.
    autocomplete: &'static str,
    /// What helps to get it right.
    #[prop(optional)]
    hint: Option<&'static str>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    // The name says "characters" so that this button is not mistaken for the password's field.
    view! {
        <Field submission name label hint>
            <div class="with-button">
                <input
                    node_ref=input
                    id=name
                    name=name
                    type=move || if shown.get() { "text" } else { "password" }
                    autocomplete=autocomplete
                    autocapitalize="none"
                    spellcheck="false"
                    required
                    aria-describedby=describe(name, hint)
                    aria-invalid=move || invalid(submission, name)
                />
                <button
                    type="button"
                    class="reveal"
                    disabled=Waiting::get()
                    aria-pressed=move || if shown.get() { "true" } else { "false" }
                    aria-controls=name
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    "Show"
                    <span class="visually-hidden">" characters"</span>
                </button>
            </div>
        </Field>
    }
}
