use leptos::{html, prelude::*};

use super::{
    Field, Submission,
    field::{describe, invalid},
};

/// Asks for a recovery code.
#[component]
pub fn RecoveryCodeField(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
) -> impl IntoView {
    view! {
        <Field submission name="code" label="Recovery code">
            <input
                node_ref=input
                class="code"
                id="code"
                name="code"
                type="text"
                autocomplete="off"
                autocapitalize="none"
                spellcheck="false"
                autofocus
                required
                aria-describedby=describe("code", None)
                aria-invalid=move || invalid(submission, "code")
            />
        </Field>
    }
}
