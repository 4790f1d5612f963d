use leptos::{html, prelude::*};

use super::{
    Field, Submission,
    field::{describe, invalid},
};

/// Asks for an email address.
///
/// The input keeps what is typed and is read when the form is sent, so that what is typed before
/// the page comes to life is not lost.
#[component]
pub fn EmailField(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
) -> impl IntoView {
    view! {
        <Field submission name="email" label="Email">
            <input
                node_ref=input
                id="email"
                name="email"
                type="email"
                inputmode="email"
                autocomplete="username"
                autocapitalize="none"
                spellcheck="false"
                required
                aria-describedby=describe("email", None)
                aria-invalid=move || invalid(submission, "email")
            />
        </Field>
    }
}
