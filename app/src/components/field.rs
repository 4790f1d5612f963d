//! The label, hint and message around an input.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

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
                {move || {
                    submission.field_message(name).map(|message| view! { <span>{message}</span> })
                }}
            </p>
        </div>
    }
}

/// Returns the ids of a field's message and hint, for `aria-describedby`.
#[must_use]
pub fn describe(name: &str, hint: Option<&str>) -> String {
    match hint {
        Some(_) => format!("{name}-message {name}-hint"),
        None => format!("{name}-message"),
    }
}

/// Returns `"true"` if the field is invalid, for `aria-invalid`.
#[must_use]
pub fn invalid(submission: Submission, name: &str) -> Option<&'static str> {
    submission.field_message(name).map(|_| "true")
}

/// Returns the text in an input. If an extension has put another one in its place, that is the one
/// that the user sees.
#[must_use]
pub fn input_value(input: NodeRef<html::Input>) -> String {
    let Some(input) = input.get_untracked() else {
        return String::new();
    };
    if input.is_connected() {
        return input.value();
    }
    let replacement = document()
        .get_element_by_id(&input.id())
        .and_then(|element| element.dyn_into::<web_sys::HtmlInputElement>().ok());
    replacement.map_or_else(|| input.value(), |input| input.value())
}
