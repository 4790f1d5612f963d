//! The page of the webhooks, which tell other services what happens to users.

use std::sync::Arc;

use leptos::{html, prelude::*};
use serde_json::Value;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, Reply},
    form::{FormDialog, SecretDialog, Tick},
    listing::{Listing, Page},
    question::Question,
};
use crate::{
    admin_pages::{AdminPage, user_path},
    api::{
        Text,
        admin::{self, Webhook, WebhookDelivery},
    },
    components::{
        Alert, Button, Icon, IconName, IntoAnySync, LiveText, RelativeTime, Submission, TextField,
        focus_soon, input_value,
    },
    pages::account::clock::clock,
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

/// The page of the webhooks.
#[component]
pub(super) fn Webhooks(console: Console) -> impl IntoView {
    let fetch = move |_| -> Reply<Page<Webhook>> {
        let request = admin::webhooks();
        Box::pin(async move {
            let mut webhooks = request.await?.webhooks;
            webhooks.reverse();
            Ok((webhooks, None))
        })
    };
    let list = Listing::new(console, fetch);
    list.reload();
    let now = clock();
    let empty = "No webhooks yet. With one, another service is told when users change.";
    let key = |webhook: &Webhook| format!("{} {}", webhook.id, webhook.is_active);
    view! {
        <div class="head-row">
            <PageHead title="Webhooks" lead="They tell other services what happens to users." />
            <AddWebhook console list />
        </div>
        <ConsoleNotice path=AdminPage::Webhooks.path() />
        <section class="section" aria-label="Webhooks">
            {list.waiting()}
            <ul class="rows" role="list">
                <For each=move || list.items.get() key let:webhook>
                    <Row webhook console list now />
                </For>
            </ul>
            {list.end("webhook", "webhooks", Signal::stored(empty.to_owned()))}
        </section>
    }
}

/// A webhook, with what can be done to it, and its deliveries on demand.
#[component]
fn Row(
    webhook: Webhook,
    console: Console,
    list: Listing<Webhook>,
    now: Signal<u64>,
) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let (state, class) = state(&webhook);
    let toggle = question(Change::of(&webhook), &webhook, list);
    let delete = question(Change::Delete, &webhook, list);
    let Webhook {
        id,
        url,
        events,
        created_at,
        ..
    } = webhook;
    let events = events
        .into_iter()
        .map(|event| view! { <span class="badge">{event}</span> });
    let label = Signal::derive(move || {
        let label = if is_open.get() {
            "Hide deliveries"
        } else {
            "Deliveries"
        };
        label.to_owned()
    });
    let for_url = format!(" of {url}");
    view! {
        <li class="row">
            <div class="row-text">
                <p class="row-title">
                    <span translate="no">{url}</span>
                    <span class=class>{state}</span>
                </p>
                <p class="badges" translate="no">
                    {events.collect_view()}
                </p>
                <p class="row-facts">
                    <span>"Created " <RelativeTime time=created_at now /></span>
                </p>
            </div>
            <div class="actions">
                <button
                    type="button"
                    class="button quiet"
                    aria-expanded=move || if is_open.get() { "true" } else { "false" }
                    on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
                >
                    <LiveText text=label />
                    <span class="visually-hidden">{for_url}</span>
                </button>
                <AskButton console question=toggle />
                <AskButton console question=delete />
            </div>
            {move || {
                let id = id.clone();
                is_open.get().then(|| view! { <Deliveries id console now /> })
            }}
        </li>
    }
}

/// A button that asks before it does something.
#[component]
fn AskButton(console: Console, question: Question) -> impl IntoView {
    let label = question.label;
    let subject = question.names.join(", ");
    let ask = move |_| console.asking.ask(question.clone());
    view! {
        <button type="button" class="button quiet" on:click=ask>
            {label}
            <span class="visually-hidden">" " {subject}</span>
        </button>
    }
}

/// Whether events are reported, and how that looks.
fn state(webhook: &Webhook) -> (&'static str, &'static str) {
    let disabled = webhook.disabled_at.as_ref().map(|_| ());
    match (
        webhook.is_active,
        disabled,
        webhook.disabled_reason.as_deref(),
    ) {
        (true, ..) => ("Active", "badge"),
        (false, None, _) => ("Paused", "badge warning"),
        (false, Some(()), Some("gone")) => ("Disabled: the receiver is gone", "badge error"),
        (false, Some(()), Some("backlog")) => ("Disabled: too much is waiting", "badge error"),
        (false, Some(()), _) => ("Disabled: deliveries kept failing", "badge error"),
    }
}

/// A change of a webhook.
#[derive(Clone, Copy)]
enum Change {
    Pause,
    Activate,
    Delete,
}

impl Change {
    /// Returns what turns a webhook on or off.
    const fn of(webhook: &Webhook) -> Self {
        if webhook.is_active {
            Self::Pause
        } else {
            Self::Activate
        }
    }

    fn send(self, id: &str) -> Reply<()> {
        let id = Text::from(id);
        Box::pin(async move {
            let is_active = match self {
                Self::Delete => return admin::delete_webhook(id).await,
                Self::Pause => false,
                Self::Activate => true,
            };
            let changed = admin::update_webhook(id, Value::Null, Value::Null, is_active.into());
            changed.await.map(drop)
        })
    }
}

/// Asks before a change.
fn question(change: Change, webhook: &Webhook, list: Listing<Webhook>) -> Question {
    let (title, text, label, pending_label, style, done) = match change {
        Change::Pause => (
            "Pause this webhook?",
            "Nothing is sent until you activate it again. What happens in the meantime is not reported later.",
            "Pause",
            "Pausing…",
            "danger",
            "The webhook is paused.",
        ),
        Change::Activate => (
            "Activate this webhook?",
            "What happens from now on is reported.",
            "Activate",
            "Activating…",
            "primary",
            "The webhook is active.",
        ),
        Change::Delete => (
            "Delete this webhook?",
            "Nothing more is sent, and the list of its deliveries is deleted. This can't be undone.",
            "Delete",
            "Deleting…",
            "danger",
            "The webhook has been deleted.",
        ),
    };
    let id = webhook.id.clone();
    let request = Arc::new(move || -> Reply<String> {
        let request = change.send(&id);
        Box::pin(async move {
            request.await?;
            list.reload();
            focus_soon("h1");
            Ok(done.to_owned())
        })
    });
    Question {
        title: title.to_owned(),
        text: vec![text.to_owned()],
        names: vec![webhook.url.clone()],
        label,
        pending_label,
        style,
        path: AdminPage::Webhooks.path().to_owned(),
        request,
    }
}

/// The deliveries of a webhook.
#[component]
fn Deliveries(id: String, console: Console, now: Signal<u64>) -> impl IntoView {
    let id = StoredValue::new(id);
    let fetch = move |cursor: Option<String>| -> Reply<Page<WebhookDelivery>> {
        let cursor = Text::from(cursor.unwrap_or_default());
        let request = admin::webhook_deliveries(id.get_value().into(), Text::Absent, cursor);
        Box::pin(async move {
            let page = request.await?;
            Ok((page.deliveries, page.next_cursor))
        })
    };
    let list = Listing::new(console, fetch);
    list.reload();
    let key = |one: &WebhookDelivery| format!("{} {} {}", one.id, one.attempts, one.status);
    let empty = Signal::stored("Nothing has been sent yet.".to_owned());
    view! {
        <div class="deliveries">
            {list.waiting()}
            <ul class="rows" role="list" aria-label="Deliveries">
                <For each=move || list.items.get() key let:delivery>
                    <Delivery delivery webhook=id console list now />
                </For>
            </ul>
            {list.end("delivery", "deliveries", empty)}
        </div>
    }
}

/// One delivery, with a button that sends it again.
#[component]
fn Delivery(
    delivery: WebhookDelivery,
    /// The id of the webhook.
    webhook: StoredValue<String>,
    console: Console,
    list: Listing<WebhookDelivery>,
    now: Signal<u64>,
) -> impl IntoView {
    let submission = Submission::default();
    let WebhookDelivery {
        id,
        event,
        user,
        status,
        created_at,
        attempts,
        response_status,
        error,
        ..
    } = delivery;
    let (class, icon) = match status.as_str() {
        "delivered" => ("row success", IconName::Success),
        "failed" => ("row error", IconName::Error),
        _ => ("row", IconName::History),
    };
    let facts = [
        Some(status),
        Some(format!("attempts: {attempts}")).filter(|_| attempts > 1),
        response_status.map(|status| format!("status {status}")),
        error,
    ];
    let facts = facts.into_iter().flatten();
    let facts = facts
        .map(|fact| view! { <span>{fact}</span> })
        .collect_view();
    let subject = event.clone();
    let send_again = move |()| {
        let (id, hook) = (id.clone(), webhook.get_value());
        submission.start(async move {
            let request = move || -> Reply<()> {
                let webhook = Text::from(hook.as_str());
                Box::pin(admin::redeliver_webhook(webhook, id.as_str().into()))
            };
            console.send(request).await?;
            list.reload();
            Ok(())
        });
    };
    view! {
        <li class=class>
            <span class="row-icon">
                <Icon name=icon />
            </span>
            <div class="row-text">
                <p class="row-title" translate="no">
                    {event}
                </p>
                <p class="row-facts">
                    {facts}
                    <span>
                        <a href=user_path(&user)>"User"</a>
                    </span>
                    <span>
                        <RelativeTime time=created_at now />
                    </span>
                </p>
            </div>
            <Button
                submission
                style="quiet"
                label="Send again"
                pending_label="Sending…"
                subject
                on_press=send_again
            />
            <Alert submission />
        </li>
    }
}

/// What the form for a new webhook holds.
#[derive(Clone, Copy)]
struct NewWebhook {
    url: NodeRef<html::Input>,
    events: RwSignal<Vec<&'static str>>,
}

/// A button that opens the form for a new webhook, and the dialog that shows its secret once.
#[component]
fn AddWebhook(console: Console, list: Listing<Webhook>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let secret = RwSignal::new(None);
    let new = NewWebhook {
        url: NodeRef::new(),
        events: RwSignal::new(Vec::new()),
    };
    let show = move |_| {
        submission.reset();
        new.events.set(EVENTS.to_vec());
        open.set(true);
    };
    let send = move |()| {
        let url = input_value(new.url).trim().to_owned();
        let events = new.events.get_untracked();
        submission.start(async move {
            let request = move || -> Reply<Webhook> {
                let (url, events) = (Value::from(url.as_str()), Value::from(events.clone()));
                Box::pin(admin::create_webhook(url, events, Value::Null))
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
            "Add webhook"
        </button>
        <FormDialog
            open
            submission
            title="Add a webhook"
            submit="Add webhook"
            pending_label="Adding…"
            on_submit=send
        >
            <Form submission new />
        </FormDialog>
        <SecretDialog
            secret
            title="Copy the signing secret now"
            text="It is shown only once. With it, the receiver checks that a message comes from here (Standard Webhooks)."
            label="Copy secret"
        />
    }
}

#[component]
fn Form(submission: Submission, new: NewWebhook) -> impl IntoView {
    let events = EVENTS.map(|event| {
        let value = Signal::derive(move || new.events.with(|events| events.contains(&event)));
        let change = move |is_on: bool| {
            new.events.update(|events| {
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
            input=new.url
            name="url"
            label="URL"
            kind="url"
            hint=Some("Where events are sent to, such as https://example.com/hooks.")
        />
        <fieldset class="group" aria-describedby="events-message">
            <legend>"What is reported"</legend>
            <div class="two-columns">{events.into_iter().collect_view()}</div>
            <p class="field-message" id="events-message" aria-live="polite">
                {message}
            </p>
        </fieldset>
    }
    .into_any_sync()
}
