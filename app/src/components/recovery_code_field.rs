//! The field for a recovery code.

use languages::tr;
use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};

/// Asks for a recovery code.
#[component]
pub fn RecoveryCodeField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the code.
    input: NodeRef<html::Input>,
) -> impl IntoView {
    view! {
        <Field submission name="code" label=tr("Recovery code")>
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
