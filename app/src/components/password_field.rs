//! The field for a password.

use languages::tr;
use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    live_text::LiveText,
    submission::Submission,
};
use crate::hydration::is_hydrated;

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
    #[prop(default = tr("Password"))]
    label: &'static str,
    /// For password managers: `new-password` or `current-password`.
    autocomplete: &'static str,
    /// Help for filling in the field.
    #[prop(optional)]
    hint: Option<&'static str>,
) -> impl IntoView {
    view! {
        <Field submission name label hint>
            <PasswordInput submission input name autocomplete description=describe(name, hint) />
        </Field>
    }
}

/// The input of a password field, with a button that shows what is typed.
#[component]
pub(super) fn PasswordInput(
    /// The form's request.
    submission: Submission,
    /// The input.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    name: &'static str,
    /// For password managers.
    autocomplete: &'static str,
    /// The ids of the field's message and hint.
    description: String,
) -> impl IntoView {
    let shown = RwSignal::new(false);
    let action = Signal::derive(move || {
        let action = if shown.get() { tr("Hide") } else { tr("Show") };
        action.to_owned()
    });
    // The button's name says "characters" so that it differs from the name of the password field.
    view! {
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
                aria-describedby=description
                aria-invalid=move || invalid(submission, name)
            />
            <button
                type="button"
                class="reveal"
                disabled=move || !is_hydrated()
                aria-controls=name
                on:click=move |_| shown.update(|shown| *shown = !*shown)
            >
                <LiveText text=action />
                <span class="visually-hidden">" " {tr("characters")}</span>
            </button>
        </div>
    }
}
