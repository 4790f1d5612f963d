use leptos::{html, prelude::*};

use super::{
    Field, Submission,
    field::{describe, invalid},
};

/// Asks for an email address.
///
/// The input keeps what is typed and is read when the form is sent, so that what is input_value before
/// the page comes to life is not lost.
#[component]
pub fn EmailField(
    /// The request that the form sends.
    submission: Submission,
    /// Where the form reads the input.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    #[prop(default = "email")]
    name: &'static str,
    /// What to type here.
    #[prop(default = "Email")]
    label: &'static str,
    /// `username`, or `email` where the address is not yet the account's, for password managers.
    #[prop(default = "username")]
    autocomplete: &'static str,
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
                aria-describedby=describe(name, None)
                aria-invalid=move || invalid(submission, name)
            />
        </Field>
    }
}
