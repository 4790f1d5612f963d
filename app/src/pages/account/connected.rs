//! The section "Connected accounts": accounts at providers that sign in here.

use languages::{tr, tr_with};
use leptos::{prelude::*, task::spawn_local};

use super::{
    clock::clock,
    details::Details,
    dialog::{DialogState, PasswordForm},
    unverified::FIRST,
};
use crate::{
    Provider, SignInWays,
    api::{
        ApiError,
        social::{self, Identity},
    },
    browser::{LOADING_LIMIT, social::Return, with_limit},
    components::{
        Alert, Dialog, Icon, IconName, IntoAnySync, Message, Notice, RelativeTime, Status,
        Submission, focus_soon,
    },
    email::email_for_display,
};

/// What has the focus after a change.
const HEADING: &str = "#connected";

/// What the dialog is about.
#[derive(Clone, PartialEq, Eq)]
enum Step {
    Connect(Provider),
    Disconnect(Identity),
}

/// The section's state.
#[derive(Clone, Copy)]
struct State {
    details: Details,
    dialog: DialogState,
    step: RwSignal<Option<Step>>,
    /// The connected accounts, once they are known.
    identities: RwSignal<Option<Result<Vec<Identity>, ApiError>>>,
}

impl State {
    fn start(self, step: Step) {
        self.step.set(Some(step));
        self.dialog.open();
    }

    fn load(self) {
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, social::list()).await;
            self.identities.try_set(Some(response));
        });
    }

    /// Leads to the provider, which leads back to this page.
    fn connect(self, provider: Provider, password: String) {
        self.dialog.submission.start(async move {
            let link = social::link(provider.name.into(), password.into()).await?;
            // The page is left: nothing is left to show if the browser can't go there.
            let _ = window().location().set_href(&link.url);
            Ok(())
        });
    }

    fn disconnect(self, identity: Identity, password: String) {
        self.dialog.submission.start(async move {
            social::unlink(identity.id.into(), password.into()).await?;
            let text = tr_with(
                "{provider} is no longer connected.",
                &[("provider", &identity.label)],
            );
            self.dialog.finish(text);
            self.load();
            self.details.reload_sessions();
            focus_soon(HEADING);
            Ok(())
        });
    }
}

/// Lists the providers, and connects and disconnects accounts there. Shows nothing where there are none.
#[component]
pub(super) fn Connected(details: Details) -> impl IntoView {
    let providers = SignInWays::of_server().providers;
    (!providers.is_empty()).then(|| view! { <Section details providers /> })
}

#[component]
fn Section(details: Details, providers: Vec<Provider>) -> impl IntoView {
    let state = State {
        details,
        dialog: DialogState::default(),
        step: RwSignal::new(None),
        identities: RwSignal::new(None),
    };
    state.load();
    let returned = Submission::default();
    show_return(state, returned, providers.clone());
    let is_locked = Signal::derive(move || state.dialog.submission.is_running());
    view! {
        <section class="section" aria-labelledby="connected">
            <h2 id="connected" tabindex="-1">
                {tr("Connected accounts")}
            </h2>
            <p class="section-lead">{tr("Sign in with an account that you have elsewhere.")}</p>
            <Alert submission=returned />
            <Notice text=state.dialog.notice />
            <List state providers />
            <Dialog open=state.dialog.is_open locked=is_locked>
                {move || match state.step.get() {
                    Some(Step::Connect(provider)) => view! { <Connect state provider /> }.into_any_sync(),
                    Some(Step::Disconnect(identity)) => {
                        view! { <Disconnect state identity /> }.into_any_sync()
                    }
                    None => ().into_any_sync(),
                }}
            </Dialog>
        </section>
    }
}

/// Says how the visit to a provider has ended, if the browser has just come back from it.
fn show_return(state: State, submission: Submission, providers: Vec<Provider>) {
    match Return::take() {
        Some(Return::Linked(name)) => {
            let label = providers
                .into_iter()
                .find(|provider| provider.name == name)
                .map_or(name, |provider| provider.label);
            let text = tr_with("{provider} is connected.", &[("provider", &label)]);
            state.dialog.notice.set(Some(text));
        }
        Some(Return::Failed(reason)) => {
            submission.start(async move { Err(crate::browser::social::failure(&reason)) });
        }
        Some(Return::SignIn(_)) | None => {}
    }
}

#[component]
fn List(state: State, providers: Vec<Provider>) -> impl IntoView {
    let now = clock();
    move || {
        let providers = providers.clone();
        state.identities.with(|identities| match identities {
            None => view! {
                <p aria-busy="true">
                    <span class="skeleton" aria-hidden="true">
                        {tr("Connected accounts")}
                    </span>
                </p>
            }
            .into_any_sync(),
            Some(Err(error)) => {
                view! { <Message status=Status::Error text=error.to_string() /> }.into_any_sync()
            }
            Some(Ok(identities)) => {
                let rows = rows(identities, providers);
                let rows = rows.into_iter().map(|(provider, identity)| match identity {
                    Some(identity) => view! { <ConnectedRow state identity now /> }.into_any_sync(),
                    None => view! { <FreeRow state provider /> }.into_any_sync(),
                });
                view! {
                    <ul class="rows" role="list">
                        {rows.collect_view()}
                    </ul>
                }
                .into_any_sync()
            }
        })
    }
}

/// Each provider with what is connected, and then what is connected to providers that are gone.
fn rows(identities: &[Identity], providers: Vec<Provider>) -> Vec<(Provider, Option<Identity>)> {
    let of = |name: &str| identities.iter().find(|identity| identity.provider == name);
    let gone = identities.iter().filter(|identity| {
        let is_of = |provider: &Provider| provider.name == identity.provider;
        !providers.iter().any(is_of)
    });
    let gone: Vec<_> = gone
        .map(|identity| {
            let provider = Provider {
                name: identity.provider.clone(),
                label: identity.label.clone(),
            };
            (provider, Some(identity.clone()))
        })
        .collect();
    let known = providers.into_iter().map(|provider| {
        let identity = of(&provider.name).cloned();
        (provider, identity)
    });
    known.chain(gone).collect()
}

#[component]
fn ConnectedRow(state: State, identity: Identity, now: Signal<u64>) -> impl IntoView {
    let Identity {
        label,
        email,
        last_used_at,
        ..
    } = identity.clone();
    let subject = format!(" {label}");
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=IconName::SignIn />
            </span>
            <div class="row-text">
                <p class="row-title">
                    <span translate="no">{label}</span>
                    <span class="badge">{tr("Connected")}</span>
                </p>
                <p class="row-facts">
                    {email
                        .map(|email| {
                            view! {
                                <span class="address" translate="no">
                                    {email_for_display(&email)}
                                </span>
                            }
                        })} <span>{tr("Last used")} " " <RelativeTime time=last_used_at now /></span>
                </p>
            </div>
            <button
                type="button"
                class="button quiet"
                on:click=move |_| state.start(Step::Disconnect(identity.clone()))
            >
                {tr("Disconnect")}
                <span class="visually-hidden">{subject}</span>
            </button>
        </li>
    }
}

#[component]
fn FreeRow(state: State, provider: Provider) -> impl IntoView {
    let label = provider.label.clone();
    let subject = format!(" {label}");
    let action = move || {
        if state.details.is_verified() {
            let (provider, subject) = (provider.clone(), subject.clone());
            view! {
                <button
                    type="button"
                    class="button quiet"
                    on:click=move |_| state.start(Step::Connect(provider.clone()))
                >
                    {tr("Connect")}
                    <span class="visually-hidden">{subject}</span>
                </button>
            }
            .into_any_sync()
        } else {
            view! { <p class="blocked">{tr(FIRST)}</p> }.into_any_sync()
        }
    };
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=IconName::SignIn />
            </span>
            <div class="row-text">
                <p class="row-title">
                    <span translate="no">{label}</span>
                </p>
                <p class="row-facts">
                    <span>{tr("Not connected")}</span>
                </p>
            </div>
            {action}
        </li>
    }
}

#[component]
fn Connect(state: State, provider: Provider) -> impl IntoView {
    let lead = tr_with(
        "Enter your password. Then you go to {provider}, which leads you back here.",
        &[("provider", &provider.label)],
    );
    let provider = StoredValue::new(provider);
    view! {
        <PasswordForm
            dialog=state.dialog
            details=state.details
            title=tr("Connect an account")
            lead
            submit=tr("Continue")
            pending_label=tr("Checking…")
            on_submit=move |password| state.connect(provider.get_value(), password)
        />
    }
}

#[component]
fn Disconnect(state: State, identity: Identity) -> impl IntoView {
    let lead = tr_with(
        "Your account at {provider} will no longer sign in here.",
        &[("provider", &identity.label)],
    );
    let identity = StoredValue::new(identity);
    view! {
        <PasswordForm
            dialog=state.dialog
            details=state.details
            title=tr("Disconnect this account?")
            lead
            submit=tr("Disconnect")
            pending_label=tr("Disconnecting…")
            style="danger"
            on_submit=move |password| state.disconnect(identity.get_value(), password)
        />
    }
}
