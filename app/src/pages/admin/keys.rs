//! The page of the keys with which services use the API.

use languages::{tr, tr_later, tr_with};
use leptos::{html, prelude::*};
use serde_json::Value;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, Reply},
    counted::Counted,
    form::{Choice, FormDialog, SecretDialog, Tick},
    listing::{Listing, Page},
    question::Question,
};
use crate::{
    admin_pages::AdminPage,
    api::admin::{self, ServiceKey},
    browser::session::now,
    components::{
        Icon, IconName, IntoAnySync, RelativeTime, Submission, TextField, input_value, local_date,
        milliseconds, rfc3339, since,
    },
    pages::account::clock::clock,
};

/// What a key may allow, and what that means.
const SCOPES: [(&str, &str); 4] = [
    (
        "tokens:verify",
        tr_later("Verify access tokens, and learn which are revoked."),
    ),
    ("users:read", tr_later("Read all users.")),
    (
        "users:write",
        tr_later("Create, change and delete users, but no administrators."),
    ),
    ("audit:read", tr_later("Read the activity of all users.")),
];

/// When a key expires: the values, their texts, and the days that they stand for.
const LIFETIMES: [(&str, &str, u64); 4] = [
    ("", tr_later("Never"), 0),
    ("30", tr_later("In 30 days"), 30),
    ("90", tr_later("In 90 days"), 90),
    ("365", tr_later("In a year"), 365),
];

const DAY: u64 = 86_400_000;

/// The page of the service keys.
#[component]
pub(super) fn Keys(console: Console) -> impl IntoView {
    let fetch = move |_| -> Reply<Page<ServiceKey>> {
        let request = admin::keys();
        Box::pin(async move {
            let mut keys = request.await?.keys;
            keys.reverse();
            Ok((keys, None))
        })
    };
    let list = Listing::new(console, fetch);
    list.reload();
    let now = clock();
    let empty = tr(
        "No service keys yet. A service needs one to verify tokens, or to use this API on its own.",
    );
    let key = |key: &ServiceKey| format!("{} {:?}", key.id, key.last_used_at);
    let row = move |key| view! { <Row key console list now /> };
    view! {
        <div class="head-row">
            <PageHead
                title=tr("Service keys")
                lead=tr("With a key, another program uses the API in its own name.")
            />
            <AddKey console list />
        </div>
        <ConsoleNotice path=AdminPage::Keys.path() />
        {list.section(tr("Service keys"), key, row, Counted::Keys, empty)}
    }
}

#[component]
fn Row(
    key: ServiceKey,
    console: Console,
    list: Listing<ServiceKey>,
    now: Signal<u64>,
) -> impl IntoView {
    let ServiceKey {
        id,
        name,
        scopes,
        created_at,
        expires_at,
        last_used_at,
        ..
    } = key;
    let is_expired = expires_at
        .as_deref()
        .is_some_and(|time| since(milliseconds(time), untrack(|| now.get())) >= 0.0);
    let expiry = match &expires_at {
        Some(time) if is_expired => tr_with("Expired on {date}", &[("date", &local_date(time))]),
        Some(time) => tr_with("Expires on {date}", &[("date", &local_date(time))]),
        None => tr("Never expires").to_owned(),
    };
    let used = match last_used_at {
        Some(time) => {
            view! { <span>{tr("Last used")} " " <RelativeTime time now /></span> }.into_any_sync()
        }
        None => view! { <span>{tr("Never used")}</span> }.into_any_sync(),
    };
    let subject = name.clone();
    let revoke = {
        let name = name.clone();
        move |_| console.asking.ask(question(&id, &name, list))
    };
    let scopes = scopes
        .into_iter()
        .map(|scope| view! { <span class="badge">{scope}</span> });
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=IconName::Key />
            </span>
            <div class="row-text">
                <p class="row-title" translate="no">
                    <span>{name}</span>
                    {is_expired
                        .then(|| view! { <span class="badge warning">{tr("Expired")}</span> })}
                </p>
                <p class="badges" translate="no">
                    {scopes.collect_view()}
                </p>
                <p class="row-facts">
                    <span>{tr("Created")} " " <RelativeTime time=created_at now /></span>
                    {used}
                    <span>{expiry}</span>
                </p>
            </div>
            <button type="button" class="button quiet" on:click=revoke>
                {tr("Revoke")}
                <span class="visually-hidden">" " {subject}</span>
            </button>
        </li>
    }
}

/// Asks before a key is revoked.
fn question(id: &str, name: &str, list: Listing<ServiceKey>) -> Question {
    let id = id.to_owned();
    let request = move || -> Reply<()> { Box::pin(admin::revoke_key(id.as_str().into())) };
    let done = tr_with("The key “{name}” has been revoked.", &[("name", name)]);
    Question {
        title: tr("Revoke this key?").to_owned(),
        text: vec![
            tr("Services that use it are refused at once. This can't be undone: they need a new key.")
                .to_owned(),
        ],
        names: vec![name.to_owned()],
        label: tr("Revoke"),
        pending_label: tr("Revoking…"),
        style: "danger",
        path: AdminPage::Keys.path().to_owned(),
        request: list.change(request, done),
    }
}

/// What the form for a new key holds.
#[derive(Clone, Copy)]
struct NewKey {
    name: NodeRef<html::Input>,
    scopes: RwSignal<Vec<&'static str>>,
    lifetime: RwSignal<String>,
}

/// A button that opens the form for a new key, and the dialog that shows the key once.
#[component]
fn AddKey(console: Console, list: Listing<ServiceKey>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let secret = RwSignal::new(None);
    let new = NewKey {
        name: NodeRef::new(),
        scopes: RwSignal::new(Vec::new()),
        lifetime: RwSignal::new("90".to_owned()),
    };
    let show = move |_| {
        submission.reset();
        new.scopes.set(Vec::new());
        open.set(true);
    };
    let send = move |()| {
        let name = input_value(new.name);
        let scopes = new.scopes.get_untracked();
        let expires_at = expiry(&new.lifetime.get_untracked());
        submission.start(async move {
            let request = move || -> Reply<ServiceKey> {
                let (name, scopes) = (name.clone().into(), Value::from(scopes.clone()));
                Box::pin(admin::create_key(name, scopes, expires_at.clone()))
            };
            let key = console.send(request).await?;
            open.try_set(false);
            secret.try_set(key.key);
            list.reload();
            Ok(())
        });
    };
    view! {
        <button type="button" class="button primary" on:click=show>
            {tr("Create key")}
        </button>
        <FormDialog
            open
            submission
            title=tr("Create a service key")
            submit=tr("Create key")
            pending_label=tr("Creating…")
            on_submit=send
        >
            <Form submission new />
        </FormDialog>
        <SecretDialog
            secret
            title=tr("Copy your key now")
            text=tr("It is shown only once. Keep it where the service reads its secrets, and nowhere else.")
            label=tr("Copy key")
        />
    }
}

#[component]
fn Form(submission: Submission, new: NewKey) -> impl IntoView {
    let scopes = SCOPES.map(|(scope, hint)| {
        let value = Signal::derive(move || new.scopes.with(|scopes| scopes.contains(&scope)));
        let change = move |is_on: bool| {
            new.scopes.update(|scopes| {
                scopes.retain(|other| *other != scope);
                if is_on {
                    scopes.push(scope);
                }
            });
        };
        view! { <Tick label=scope hint=tr(hint) value on_change=change /> }
    });
    let options = LIFETIMES.map(|(value, name, _)| (value, tr(name).to_owned()));
    let message = move || {
        submission
            .field_message("scopes")
            .map(|text| view! { <span>{text}</span> })
    };
    view! {
        <TextField
            submission
            input=new.name
            name="name"
            label=tr("Name")
            hint=Some(tr("The service that will use it, such as billing."))
        />
        <fieldset class="group" aria-describedby="scopes-message">
            <legend>{tr("What it may do")}</legend>
            {scopes.into_iter().collect_view()}
            <p class="field-message" id="scopes-message" aria-live="polite">
                {message}
            </p>
        </fieldset>
        <Choice
            id="lifetime"
            label=tr("Expires")
            options=options.to_vec()
            value=Signal::derive(move || new.lifetime.get())
            on_change=move |value| new.lifetime.set(value)
        />
    }
    .into_any_sync()
}

/// Returns when a key with this lifetime expires.
fn expiry(lifetime: &str) -> Value {
    let chosen = LIFETIMES.iter().find(|(value, ..)| *value == lifetime);
    match chosen {
        Some((_, _, days)) if *days > 0 => rfc3339(now() + days * DAY).into(),
        _ => Value::Null,
    }
}
