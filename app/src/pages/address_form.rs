//! The form that asks for the address to which something is emailed.

use leptos::{ev, prelude::*};

use crate::components::{
    Alert, Button, EmailField, EmailSuggestion, Request, Submission, focus_soon, input_value,
    look_for_slip,
};

/// Asks for the address of an account, points out slips in it, and sends a request with it.
#[component]
pub(super) fn AddressForm(
    /// The address that was entered before.
    email: String,
    /// The submit button's label.
    label: &'static str,
    /// The submit button's label while the request runs.
    pending_label: &'static str,
    /// Makes the request for the address.
    #[prop(into)]
    request: Callback<String, Request>,
) -> impl IntoView {
    let submission = Submission::default();
    let (input, suggestion) = (NodeRef::new(), RwSignal::new(None));
    if !email.is_empty() {
        input.on_load(move |input: web_sys::HtmlInputElement| input.set_value(&email));
        focus_soon("#email");
    }
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        submission.start(request.run(input_value(input)));
    };
    view! {
        <form
            method="post"
            novalidate
            on:focusout=move |_| look_for_slip(input, suggestion)
            on:submit=send
        >
            <Alert submission />
            <EmailField submission input />
            <EmailSuggestion input suggestion />
            <Button submission kind="submit" label pending_label />
        </form>
    }
}
