//! The field for a password.

use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};
use crate::hydration::is_hydrated;

/// The hint for choosing a password.
pub const PASSWORD_HINT: &str = "8 characters or more. A few random words are easy to remember.";

/// Asks for a password, with a button that shows it.
#[component]
pub fn PasswordField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the password.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    #[prop(default = "password")]
    name: &'static str,
    /// The label.
    #[prop(default = "Password")]
    label: &'static str,
    /// For password managers: `new-password` or `current-password`.
    autocomplete: &'static str,
    /// Help for filling in the field.
    #[prop(optional)]
    hint: Option<&'static str>,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    // Its name says "characters" so that it differs from the name of the password field.
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
                    disabled=move || !is_hydrated()
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
