//! The field for a line of text.

use leptos::{html, prelude::*};

use super::{
    field::{Field, describe, invalid},
    submission::Submission,
};

/// Asks for a line of text.
#[component]
pub fn TextField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the text.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    name: &'static str,
    /// The label.
    label: &'static str,
    /// The text at first.
    #[prop(optional, into)]
    value: String,
    /// The input's `type`.
    #[prop(default = "text")]
    kind: &'static str,
    /// For the browser and password managers.
    #[prop(default = "off")]
    autocomplete: &'static str,
    /// Help for filling in the field.
    #[prop(default = None)]
    hint: Option<&'static str>,
) -> impl IntoView {
    view! {
        <Field submission name label hint>
            <input
                node_ref=input
                id=name
                name=name
                type=kind
                value=value
                autocomplete=autocomplete
                autocapitalize="none"
                spellcheck="false"
                aria-describedby=describe(name, hint)
                aria-invalid=move || invalid(submission, name)
            />
        </Field>
    }
}
