//! The field for an email address.

use languages::tr;
use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};

/// Asks for an email address.
///
/// The input itself keeps the text, and the form reads it when it is submitted. So text that is
/// typed before the page is hydrated is not lost.
#[component]
pub fn EmailField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the address.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    #[prop(default = "email")]
    name: &'static str,
    /// The label.
    #[prop(default = tr("Email"))]
    label: &'static str,
    /// For password managers: `username`, or `email` if it is not the account's address yet.
    #[prop(default = "username")]
    autocomplete: &'static str,
    /// An address that can't be changed.
    #[prop(default = None)]
    fixed: Option<String>,
) -> impl IntoView {
    view! {
        <Field submission name label>
            <input
                node_ref=input
                id=name
                name=name
                type="email"
                inputmode="email"
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                required
                readonly=fixed.is_some()
                value=fixed
                aria-describedby=describe(name, None)
                aria-invalid=move || invalid(submission, name)
            />
        </Field>
    }
}
