//! The forms of emailed links.

use languages::tr;
use leptos::{ev, html, prelude::*, task::spawn_local};

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

/// The inputs of [`ProofFields`].
#[derive(Clone, Copy, Default)]
pub(super) struct ProofInputs {
    email: NodeRef<html::Input>,
    code: NodeRef<html::Input>,
}

impl ProofInputs {
    /// Returns the entered address.
    pub fn email(self) -> String {
        input_value(self.email)
    }

    /// Returns how the user shows that the email was received: by the link's token, or, if the link
    /// arrived without it, by what was entered.
    pub fn proof(self, token: Option<&String>) -> Proof {
        match token {
            Some(token) => Proof::Token(token.clone()),
            None => Proof::Code {
                email: input_value(self.email),
                code: input_value(self.code),
            },
        }
    }
}

/// Asks for the address and the emailed code, unless the link's token is known. Tells password
/// managers which account the form's password belongs to.
#[component]
pub(super) fn ProofFields(
    /// The form's request.
    submission: Submission,
    /// The inputs.
    inputs: ProofInputs,
    /// Whether the link arrived without its token.
    is_incomplete: bool,
    /// The address of the account, if it is known.
    account: Option<String>,
) -> impl IntoView {
    view! {
        {is_incomplete
            .then(|| {
                view! {
                    <EmailField submission input=inputs.email />
                    <EmailedCodeField submission input=inputs.code />
                }
            })}
        {account
            .map(|email| {
                view! {
                    <input
                        type="text"
                        name="username"
                        autocomplete="username"
                        value=email
                        readonly
                        hidden
                    />
                }
            })}
    }
}

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
    let (inputs, password) = (ProofInputs::default(), NodeRef::new());
    let is_incomplete = token.is_none();
    let username = account.clone();
    let asks_password = asks_password(submission, account);
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        on_submit.run((inputs.proof(token.as_ref()), input_value(password)));
    };
    view! {
        <form method="post" novalidate on:submit=send>
            <Alert submission />
            <ProofFields submission inputs is_incomplete account=username />
            {move || {
                asks_password
                    .get()
                    .then(|| {
                        view! {
                            <PasswordField
                                submission
                                input=password
                                autocomplete="current-password"
                                hint=tr("The password of this account.")
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
