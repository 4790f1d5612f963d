//! `/forgot`: requests a link to choose a new password.

use languages::{tr, tr_around};
use leptos::prelude::*;

use crate::components::IntoAnySync;
use leptos_meta::Title;

use super::{address_form::AddressForm, check_email::CheckEmail, navigation::use_redirect};
use crate::{
    api::user,
    appearance::page_title,
    browser::{confirmed::on_confirmed, with_timeout},
    components::{Request, Resend},
};

/// What the page shows.
#[derive(Clone)]
enum Step {
    /// The form, with an address that was entered before.
    Request(String),
    /// That the link was sent to this address, if there is an account.
    Sent(String),
}

/// `/forgot`: requests a link to choose a new password.
#[component]
pub fn Forgot() -> impl IntoView {
    let step = RwSignal::new(Step::Request(String::new()));
    view! {
        <Title text=page_title(tr("Forgot your password?")) />
        <div class="panel">
            {move || match step.get() {
                Step::Request(email) => view! { <RequestForm email step /> }.into_any_sync(),
                Step::Sent(email) => view! { <Sent email step /> }.into_any_sync(),
            }}
        </div>
    }
}

#[component]
fn RequestForm(
    /// The address that was entered before.
    email: String,
    /// What the page shows.
    step: RwSignal<Step>,
) -> impl IntoView {
    let request = move |email: String| -> Request {
        Box::pin(async move {
            with_timeout(user::reset_password(email.as_str().into())).await?;
            step.try_set(Step::Sent(email));
            Ok(())
        })
    };
    view! {
        <h1 tabindex="-1">{tr("Forgot your password?")}</h1>
        <p class="panel-text">{tr("We'll email you a link to choose a new one.")}</p>
        <AddressForm
            email
            label=tr("Send link")
            pending_label=tr("Sending the link…")
            request
        />
        <p class="aside">
            <a href="/login">{tr("Back to sign in")}</a>
        </p>
    }
}

#[component]
fn Sent(
    /// Where the link was sent, if there is an account.
    email: String,
    /// What the page shows.
    step: RwSignal<Step>,
) -> impl IntoView {
    let redirect = use_redirect();
    on_confirmed(&email, move || redirect("/login"));
    let (address, entered) = (email.clone(), email.clone());
    let send_again = move |resend: Resend| {
        let request = user::reset_password(address.as_str().into());
        resend.start(with_timeout(request));
    };
    let link = view! { <a href="/login">{tr("Back to sign in")}</a> }.into_any_sync();
    let (before, after) = tr_around(
        "If {email} has an account, a link to choose a new password is on its way.",
        "email",
    );
    view! {
        <CheckEmail
            email=email.clone()
            lifetime=tr("The link works once, for 1 hour.")
            on_resend=send_again
            on_correct=move |()| step.set(Step::Request(entered.clone()))
            link
        >
            {before}
            <strong>{email}</strong>
            {after}
        </CheckEmail>
    }
}
