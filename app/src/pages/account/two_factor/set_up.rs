//! The steps of turning the second factor on.

use std::cmp::Ordering;

use languages::{tr, tr_later, tr_with};
use leptos::prelude::*;

use super::{super::dialog::DialogForm, flow::Flow};
use crate::{
    api::totp::Setup,
    components::{CodeField, CopyButton, Icon, IconName, input_value},
};

/// The names of the steps.
const STEPS: [&str; 3] = [
    tr_later("Password"),
    tr_later("Scan"),
    tr_later("Save codes"),
];

/// Says which of the steps is shown.
#[component]
pub(super) fn Steps(
    /// The step, from 1.
    step: usize,
) -> impl IntoView {
    let item = |(index, name): (usize, &'static str)| {
        let number = index + 1;
        let state = match number.cmp(&step) {
            Ordering::Less => "done",
            Ordering::Equal => "current",
            Ordering::Greater => "later",
        };
        view! { <span class=format!("step {state}")>{format!("{number}. {}", tr(name))}</span> }
    };
    let progress = tr_with(
        "Step {step} of {count}",
        &[
            ("step", &step.to_string()),
            ("count", &STEPS.len().to_string()),
        ],
    );
    view! {
        <p class="visually-hidden">{progress}</p>
        <p class="steps" aria-hidden="true">
            {STEPS.into_iter().enumerate().map(item).collect_view()}
        </p>
    }
}

/// What an app is set up for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It turns the second factor on.
    TurnOn,
    /// It is another one.
    Add,
}

/// Shows the secret for the authenticator app, and asks for the app's first code.
#[component]
pub(super) fn SetUp(flow: Flow, setup: Setup, purpose: Purpose) -> impl IntoView {
    let input = NodeRef::new();
    let confirm = move |()| match purpose {
        Purpose::TurnOn => flow.turn_on(input_value(input)),
        Purpose::Add => flow.add_app(input_value(input)),
    };
    let (submit, pending_label) = match purpose {
        Purpose::TurnOn => (tr("Turn on"), tr("Turning on…")),
        Purpose::Add => (tr("Add"), tr("Adding…")),
    };
    view! {
        <DialogForm
            dialog=flow.dialog
            title=tr("Set up your app")
            details=flow.details
            submit
            pending_label
            on_submit=confirm
        >
            {(purpose == Purpose::TurnOn).then(|| view! { <Steps step=2 /> })}
            <p class="dialog-lead">
                {tr("Scan this QR code with your authenticator app. Then enter the code that the app shows.")}
            </p>
            <div
                class="qr-code"
                role="img"
                aria-label=tr("QR code for your authenticator app")
                inner_html=setup.qr_svg
            ></div>
            <p class="open-app">
                <a href=setup.otpauth_url rel="external">
                    <Icon name=IconName::Open />
                    {tr("Open in authenticator app")}
                </a>
            </p>
            <Key secret=setup.secret />
            <CodeField submission=flow.dialog.submission input on_complete=confirm />
        </DialogForm>
    }
}

/// The secret, to be copied or typed.
#[component]
fn Key(secret: String) -> impl IntoView {
    view! {
        <details class="help">
            <summary>{tr("Can't scan?")}</summary>
            <p>{tr("Add an account in your app by hand, with this key. The codes are time-based.")}</p>
            <p class="secret">
                <span class="secret-label">{tr("Key")}</span>
                <code translate="no">{in_groups(&secret)}</code>
            </p>
            <CopyButton text=secret label=tr("Copy key") />
        </details>
    }
}

/// Inserts a space after every four characters of a secret, so that it is easier to type.
fn in_groups(secret: &str) -> String {
    let groups: Vec<_> = secret
        .as_bytes()
        .chunks(4)
        .map(String::from_utf8_lossy)
        .collect();
    groups.join(" ")
}
