//! The field for the code that an email shows.

use languages::{tr, tr_later};
use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};

/// The hint below the field of a form whose link was incomplete.
const HINT: &str = tr_later("The 8 digits in the same email.");

/// Asks for the code that an email shows besides its link.
#[component]
pub fn EmailedCodeField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the code.
    input: NodeRef<html::Input>,
    /// Help for finding the code.
    #[prop(default = tr(HINT))]
    hint: &'static str,
) -> impl IntoView {
    // `maxlength` leaves room for a pasted code with spaces in or around it.
    view! {
        <Field submission name="code" label=tr("Code") hint=Some(hint)>
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
                required
                aria-describedby=describe("code", Some(hint))
                aria-invalid=move || invalid(submission, "code")
            />
        </Field>
    }
}
