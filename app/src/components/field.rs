//! The label, hint and message around an input.

use leptos::{html, prelude::*};

use super::submission::Submission;

/// A labelled input with its hint, and its error message below.
#[component]
pub fn Field<C: IntoView + 'static>(
    /// The form's request.
    submission: Submission,
    /// The field's name in the request, and its id on the page.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// Help for filling in the field.
    #[prop(default = None)]
    hint: Option<&'static str>,
    /// The input. Its id is `name`, and its `aria-*` attributes come from [`describe`] and
    /// [`invalid`].
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=name>{label}</label>
            {children.into_inner()()}
            {hint.map(|hint| view! { <p class="hint" id=format!("{name}-hint")>{hint}</p> })}
            <p class="field-message" id=format!("{name}-message") aria-live="polite">
                {move || submission.field_message(name)}
            </p>
        </div>
    }
}

/// Returns the ids of a field's message and hint, for `aria-describedby`.
pub(super) fn describe(name: &str, hint: Option<&str>) -> String {
    match hint {
        Some(_) => format!("{name}-message {name}-hint"),
        None => format!("{name}-message"),
    }
}

/// Returns `"true"` if the field is invalid, for `aria-invalid`.
pub(super) fn invalid(submission: Submission, name: &str) -> Option<&'static str> {
    submission.field_message(name).map(|_| "true")
}

/// Returns the text in an input.
#[must_use]
pub fn input_value(input: NodeRef<html::Input>) -> String {
    input
        .get_untracked()
        .map(|input| input.value())
        .unwrap_or_default()
}
