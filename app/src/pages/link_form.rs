//! The forms of emailed links.

use leptos::{ev, prelude::*, task::spawn_local};

use super::emailed_link::Proof;
use crate::{
    api::user,
    browser::session,
    components::{
        Alert, Button, EmailField, EmailedCodeField, PasswordField, Submission, input_value,
    },
};

/// What a form sends: how the user shows that the email was received, and the password.
pub(super) type Answer = (Proof, String);

/// A form with a button, and with the account's password unless this browser is signed in to the
/// account. If the link arrived incomplete, it also asks for the address and the emailed code.
#[component]
pub(super) fn LinkForm(
    /// The form's request.
    submission: Submission,
    /// The link's token, unless the link arrived incomplete.
    token: Option<String>,
    /// The address of the account, if it is known.
    #[prop(default = None)]
    account: Option<String>,
    /// The button's label.
    label: &'static str,
    /// The button's label while the request runs.
    pending_label: &'static str,
    /// Sends the request.
    #[prop(into)]
    on_submit: Callback<Answer>,
) -> impl IntoView {
    let (email, code, password) = (NodeRef::new(), NodeRef::new(), NodeRef::new());
    let needs_code = token.is_none();
    let username = account.clone();
    let asks_password = asks_password(submission, account);
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let proof = match &token {
            Some(token) => Proof::Token(token.clone()),
            None => Proof::Code {
                email: input_value(email),
                code: input_value(code),
            },
        };
        on_submit.run((proof, input_value(password)));
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            {needs_code
                .then(|| {
                    view! {
                        <EmailField submission input=email />
                        <EmailedCodeField submission input=code />
                    }
                })}
            // Tells password managers which account's password is asked for.
            {username
                .map(|email| {
                    view! { <input type="text" autocomplete="username" value=email readonly hidden /> }
                })}
            {move || {
                asks_password
                    .get()
                    .then(|| {
                        view! {
                            <PasswordField
                                submission
                                input=password
                                autocomplete="current-password"
                                hint="The password of this account."
                            />
                        }
                    })
            }}
            <Button submission kind="submit" label pending_label />
        </form>
    }
}

/// Returns whether the form asks for the password: at first if this browser is not signed in to the
/// account, and from the moment when the server requires it.
fn asks_password(submission: Submission, account: Option<String>) -> RwSignal<bool> {
    let is_signed_in = session::load().is_some();
    let asks = RwSignal::new(!is_signed_in);
    if let Some(account) = account.filter(|_| is_signed_in) {
        spawn_local(async move {
            let is_other = user::view()
                .await
                .map_or(true, |profile| profile.email != account);
            if is_other {
                asks.try_set(true);
            }
        });
    }
    Effect::new(move |_| {
        if submission.field_message("password").is_some() {
            asks.set(true);
        }
    });
    asks
}
