//! The form for a new webhook, and for another URL and other events of one.

use languages::tr;
use leptos::{html, prelude::*};
use serde_json::Value;

use super::super::{
    console::{Console, Reply, notify},
    form::{FormDialog, SecretDialog, Tick},
    listing::Listing,
};
use crate::{
    admin_pages::AdminPage,
    api::admin::{self, Webhook},
    components::{IntoAnySync, Submission, TextField, focus_soon, input_value},
};

/// The events that can be reported.
const EVENTS: [&str; 9] = [
    "user.created",
    "user.updated",
    "user.verified",
    "user.deleted",
    "session.created",
    "session.ended",
    "password.changed",
    "otp.enabled",
    "otp.disabled",
];

/// What the form holds.
#[derive(Clone, Copy)]
struct Fields {
    url: NodeRef<html::Input>,
    events: RwSignal<Vec<&'static str>>,
}

impl Fields {
    fn new() -> Self {
        Self {
            url: NodeRef::new(),
            events: RwSignal::new(Vec::new()),
        }
    }

    /// Returns the URL and the events as the API takes them.
    fn read(self) -> (Value, Value) {
        let url = input_value(self.url);
        (url.trim().into(), self.events.get_untracked().into())
    }
}

/// A button that opens the form for a new webhook, and the dialog that shows its secret once.
#[component]
pub(super) fn AddWebhook(console: Console, list: Listing<Webhook>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let secret = RwSignal::new(None);
    let fields = Fields::new();
    let show = move |_| {
        submission.reset();
        fields.events.set(EVENTS.to_vec());
        open.set(true);
    };
    let send = move |()| {
        let (url, events) = fields.read();
        submission.start(async move {
            let request = move || -> Reply<Webhook> {
                Box::pin(admin::create_webhook(
                    url.clone(),
                    events.clone(),
                    Value::Null,
                ))
            };
            let webhook = console.send(request).await?;
            open.try_set(false);
            secret.try_set(webhook.secret);
            list.reload();
            Ok(())
        });
    };
    view! {
        <button type="button" class="button primary" on:click=show>
            {tr("Add webhook")}
        </button>
        <FormDialog
            open
            submission
            title=tr("Add a webhook")
            submit=tr("Add webhook")
            pending_label=tr("Adding…")
            on_submit=send
        >
            <Form submission fields url=String::new() />
        </FormDialog>
        <SecretDialog
            secret
            title=tr("Copy the signing secret now")
            text=tr("It is shown only once. With it, the receiver checks that a message comes from here (Standard Webhooks).")
            label=tr("Copy secret")
        />
    }
}

/// A button that opens the form with a webhook.
#[component]
pub(super) fn EditWebhook(
    webhook: Webhook,
    console: Console,
    list: Listing<Webhook>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let fields = Fields::new();
    let Webhook {
        id, url, events, ..
    } = webhook;
    let subject = url.clone();
    let is_reported = move |event: &&str| events.iter().any(|other| other == event);
    let show = move |_| {
        submission.reset();
        let reported = EVENTS.into_iter().filter(&is_reported);
        fields.events.set(reported.collect());
        open.set(true);
    };
    let send = move |()| {
        let (id, (url, events)) = (id.clone(), fields.read());
        submission.start(async move {
            let request = move || -> Reply<Webhook> {
                let id = id.as_str().into();
                Box::pin(admin::update_webhook(
                    id,
                    url.clone(),
                    events.clone(),
                    Value::Null,
                ))
            };
            console.send(request).await?;
            open.try_set(false);
            notify(
                AdminPage::Webhooks.path(),
                tr("The webhook has been changed."),
            );
            list.reload();
            // The row is rendered again.
            focus_soon("h1");
            Ok(())
        });
    };
    view! {
        <button type="button" class="button quiet" on:click=show>
            {tr("Edit")}
            <span class="visually-hidden">" " {subject}</span>
        </button>
        <FormDialog
            open
            submission
            title=tr("Change the webhook")
            submit=tr("Save")
            pending_label=tr("Saving…")
            on_submit=send
        >
            <Form submission fields url=url.clone() />
        </FormDialog>
    }
}

#[component]
fn Form(
    submission: Submission,
    fields: Fields,
    /// The URL at first.
    url: String,
) -> impl IntoView {
    let events = EVENTS.map(|event| {
        let value = Signal::derive(move || fields.events.with(|events| events.contains(&event)));
        let change = move |is_on: bool| {
            fields.events.update(|events| {
                events.retain(|other| *other != event);
                if is_on {
                    events.push(event);
                }
            });
        };
        view! { <Tick label=event value on_change=change /> }
    });
    let message = move || {
        submission
            .field_message("events")
            .map(|text| view! { <span>{text}</span> })
    };
    view! {
        <TextField
            submission
            input=fields.url
            name="url"
            label=tr("URL")
            value=url
            kind="url"
            hint=Some(tr("Where events are sent to, such as https://example.com/hooks."))
        />
        <fieldset class="group" aria-describedby="events-message">
            <legend>{tr("What is reported")}</legend>
            <div class="two-columns">{events.into_iter().collect_view()}</div>
            <p class="field-message" id="events-message" aria-live="polite">
                {message}
            </p>
        </fieldset>
    }
    .into_any_sync()
}
