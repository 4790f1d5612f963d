//! The page of the webhooks, which tell other services what happens to users.

mod form;

use languages::{tr, tr_with};
use leptos::prelude::*;
use serde_json::Value;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, Reply},
    counted::Counted,
    listing::{Listing, Page},
    question::Question,
};
use crate::{
    admin_pages::{AdminPage, user_path},
    api::{
        Text,
        admin::{self, Webhook, WebhookDelivery},
    },
    components::{Alert, Button, Icon, IconName, LiveText, RelativeTime, Submission},
    pages::account::clock::clock,
};
use form::{AddWebhook, EditWebhook};

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
    let empty = tr("No webhooks yet. With one, another service is told when users change.");
    let key = |webhook: &Webhook| {
        let Webhook {
            id, url, events, ..
        } = webhook;
        format!("{id} {} {} {url}", webhook.is_active, events.join(","))
    };
    let row = move |webhook| view! { <Row webhook console list now /> };
    view! {
        <div class="head-row">
            <PageHead
                title=tr("Webhooks")
                lead=tr("They tell other services what happens to users.")
            />
            <AddWebhook console list />
        </div>
        <ConsoleNotice path=AdminPage::Webhooks.path() />
        {list.section(tr("Webhooks"), key, row, Counted::Webhooks, empty)}
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
    let edited = webhook.clone();
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
            tr("Hide deliveries")
        } else {
            tr("Deliveries")
        };
        label.to_owned()
    });
    let for_url = tr_with("of {url}", &[("url", &url)]);
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
                    <span>{tr("Created")} " " <RelativeTime time=created_at now /></span>
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
                    <span class="visually-hidden">" " {for_url}</span>
                </button>
                <EditWebhook webhook=edited console list />
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
        (true, ..) => (tr("Active"), "badge"),
        (false, None, _) => (tr("Paused"), "badge warning"),
        (false, Some(()), Some("gone")) => (tr("Disabled: the receiver is gone"), "badge error"),
        (false, Some(()), Some("backlog")) => (tr("Disabled: too much is waiting"), "badge error"),
        (false, Some(()), _) => (tr("Disabled: deliveries kept failing"), "badge error"),
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
            tr("Pause this webhook?"),
            tr(
                "Nothing is sent until you activate it again. What happens in the meantime is not reported later.",
            ),
            tr("Pause"),
            tr("Pausing…"),
            "danger",
            tr("The webhook is paused."),
        ),
        Change::Activate => (
            tr("Activate this webhook?"),
            tr("What happens from now on is reported."),
            tr("Activate"),
            tr("Activating…"),
            "primary",
            tr("The webhook is active."),
        ),
        Change::Delete => (
            tr("Delete this webhook?"),
            tr(
                "Nothing more is sent, and the list of its deliveries is deleted. This can't be undone.",
            ),
            tr("Delete"),
            tr("Deleting…"),
            "danger",
            tr("The webhook has been deleted."),
        ),
    };
    let id = webhook.id.clone();
    let request = move || change.send(&id);
    Question {
        title: title.to_owned(),
        text: vec![text.to_owned()],
        names: vec![webhook.url.clone()],
        label,
        pending_label,
        style,
        path: AdminPage::Webhooks.path().to_owned(),
        request: list.change(request, done.to_owned()),
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
    let empty = Signal::stored(tr("Nothing has been sent yet.").to_owned());
    view! {
        <div class="deliveries">
            {list.waiting()}
            <ul class="rows" role="list" aria-label=tr("Deliveries")>
                <For each=move || list.items.get() key let:delivery>
                    <Delivery delivery webhook=id console list now />
                </For>
            </ul>
            {list.end(Counted::Deliveries, empty)}
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
    let (state, class, icon) = match status.as_str() {
        "delivered" => (tr("delivered"), "row success", IconName::Success),
        "failed" => (tr("failed"), "row error", IconName::Error),
        "pending" => (tr("pending"), "row", IconName::History),
        "canceled" => (tr("canceled"), "row", IconName::History),
        other => (other, "row", IconName::History),
    };
    let facts = [
        Some(state.to_owned()),
        Some(tr_with(
            "attempts: {count}",
            &[("count", &attempts.to_string())],
        ))
        .filter(|_| attempts > 1),
        response_status
            .map(|status| tr_with("status {status}", &[("status", &status.to_string())])),
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
                        <a href=user_path(&user)>{tr("User")}</a>
                    </span>
                    <span>
                        <RelativeTime time=created_at now />
                    </span>
                </p>
            </div>
            <Button
                submission
                style="quiet"
                label=tr("Send again")
                pending_label=tr("Sending…")
                subject
                on_press=send_again
            />
            <Alert submission />
        </li>
    }
}
