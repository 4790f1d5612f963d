use leptos::prelude::*;

use super::Submission;

/// A labelled place to type, with what is wrong with it below.
#[component]
pub fn Field<C: IntoView + 'static>(
    /// The request that the form sends.
    submission: Submission,
    /// The field's name in the request, and its id on the page.
    name: &'static str,
    /// What to type here.
    label: &'static str,
    /// What helps to get it right.
    #[prop(default = None)]
    hint: Option<&'static str>,
    /// The input: its id is `name`, and it takes its `aria-*` from [`describe`].
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

/// The ids of a field's message and hint, for `aria-describedby`.
pub(super) fn describe(name: &str, hint: Option<&str>) -> String {
    match hint {
        Some(_) => format!("{name}-message {name}-hint"),
        None => format!("{name}-message"),
    }
}

/// Whether a field is at fault, for `aria-invalid`.
pub(super) fn invalid(submission: Submission, name: &str) -> Option<&'static str> {
    submission.field_message(name).map(|_| "true")
}
