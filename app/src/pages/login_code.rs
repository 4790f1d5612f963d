//! `/login/code`: signs in with a code from an email.

use languages::{tr, tr_around};
use leptos::{ev, prelude::*};
use leptos_meta::Title;

use super::{address_form::AddressForm, navigation::redirect_if_signed_in};
use crate::{
    api::{ApiError, user},
    appearance::page_title,
    browser::{
        next::{next, with_next},
        sign_in::sign_in_with_code,
        with_timeout,
    },
    components::{
        Alert, Button, EmailedCodeField, IntoAnySync, Request, Resend, ResendButton, Submission,
        WebmailLink, focus_new_page, focus_soon, input_value,
    },
};

/// How many requests for a code are remembered. One that the server did not fulfil, because there were too many,
/// leaves the code of an earlier one valid.
const FLOWS: usize = 3;

/// The requests for a code, of which the last one was sent just now.
#[derive(Clone, Default)]
struct Requested {
    email: String,
    flows: Vec<String>,
}

impl Requested {
    /// Signs in with a code that belongs to one of the requests.
    async fn sign_in(&self, code: &str) -> Result<(), ApiError> {
        let mut result = Ok(());
        for flow in self.flows.iter().rev() {
            result = sign_in_with_code(flow, &self.email, code).await;
            if !matches!(result, Err(ApiError::Fields(_))) {
                break;
            }
        }
        result
    }
}

/// `/login/code`: signs in with a code from an email.
#[component]
pub fn LoginCode() -> impl IntoView {
    focus_new_page();
    redirect_if_signed_in(next());
    let requested = RwSignal::new(Requested::default());
    let is_sent = RwSignal::new(false);
    view! {
        <Title text=page_title(tr("Sign in with a code")) />
        <div class="panel when-signed-out">
            {move || {
                if is_sent.get() {
                    view! { <CodeForm requested is_sent /> }.into_any_sync()
                } else {
                    view! { <RequestForm requested is_sent /> }.into_any_sync()
                }
            }}
            <p class="aside">
                <a href=with_next("/login", next().as_deref())>{tr("Back to sign in")}</a>
            </p>
        </div>
    }
}

/// Asks for a code, and remembers the request.
async fn request(requested: RwSignal<Requested>, email: String) -> Result<(), ApiError> {
    let flow = with_timeout(user::request_login_code(email.as_str().into()))
        .await?
        .flow;
    requested.try_update(|requested| {
        if requested.email != email {
            *requested = Requested {
                email,
                flows: Vec::new(),
            };
        }
        if requested.flows.len() == FLOWS {
            requested.flows.remove(0);
        }
        requested.flows.push(flow);
    });
    Ok(())
}

#[component]
fn RequestForm(requested: RwSignal<Requested>, is_sent: RwSignal<bool>) -> impl IntoView {
    let email = requested.with_untracked(|requested| requested.email.clone());
    let send = move |email: String| -> Request {
        Box::pin(async move {
            request(requested, email).await?;
            is_sent.try_set(true);
            focus_soon("#code");
            Ok(())
        })
    };
    view! {
        <h1 tabindex="-1">{tr("Sign in with a code")}</h1>
        <p class="panel-text">{tr("We'll email you 8 digits to enter here, in place of your password.")}</p>
        <AddressForm
            email
            label=tr("Send code")
            pending_label=tr("Sending the code…")
            request=send
        />
    }
}

#[component]
fn CodeForm(requested: RwSignal<Requested>, is_sent: RwSignal<bool>) -> impl IntoView {
    let (submission, input) = (Submission::default(), NodeRef::new());
    let resend = Resend::after_another();
    let email = requested.with_untracked(|requested| requested.email.clone());
    let address = StoredValue::new(email.clone());
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let code = input_value(input);
        let requested = requested.get_untracked();
        submission.start(async move { requested.sign_in(&code).await });
    };
    let (before, after) = tr_around(
        "If {email} has an account, a code is on its way. It works for 10 minutes, and in this tab only.",
        "email",
    );
    view! {
        <Title text=page_title(tr("Check your email")) />
        <h1 tabindex="-1">{tr("Check your email")}</h1>
        <p class="panel-text">{before} <strong>{email.clone()}</strong> {after}</p>
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <EmailedCodeField submission input hint=tr("The 8 digits in the email.") />
            <Button submission kind="submit" label=tr("Sign in") pending_label=tr("Signing in…") />
        </form>
        <WebmailLink email />
        <ul class="tips">
            <li>{tr("No email after a minute? Check your spam folder.")}</li>
            <li>
                {tr("Wrong address?")} " "
                <button type="button" class="link" on:click=move |_| is_sent.set(false)>
                    {tr("Change it")}
                </button>
            </li>
        </ul>
        <ResendButton resend on_press=move |()| resend.start(request(requested, address.get_value())) />
    }
}
