//! The page of one user.

mod actions;
mod form;
mod history;

use languages::tr;
use leptos::prelude::*;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, clear_notice},
};
use crate::{
    admin_pages::{AdminPage, user_path},
    api::{
        ApiError, Code,
        admin::{self, ManagedUser},
    },
    components::{IntoAnySync, LoadFailed, RelativeTime, Submission, focus_soon, local_time},
    email::email_for_display,
    pages::account::clock::clock,
};
use actions::Actions;
use form::ProfileForm;
use history::{Devices, Events};

/// The page of one user.
#[component]
pub(super) fn UserPage(
    /// The user's id.
    id: String,
    console: Console,
) -> impl IntoView {
    let loaded = RwSignal::new(None);
    let loading = Loading {
        changes: RwSignal::new(()),
        id: StoredValue::new(id),
        console,
        loaded,
        error: RwSignal::new(None),
        submission: Submission::default(),
    };
    loading.start();
    view! {
        <p class="back">
            <a href=AdminPage::Users.path()>{tr("Users")}</a>
        </p>
        {move || match (loaded.get(), loading.error.get()) {
            (Some(user), _) => {
                let user = RwSignal::new(user);
                view! { <Sections user console loading /> }.into_any_sync()
            }
            (None, Some(error)) => view! { <NotLoaded error loading /> }.into_any_sync(),
            (None, None) => {
                view! { <PageHead title=tr("User") lead=tr("Loading…") /> }.into_any_sync()
            }
        }}
    }
}

/// Loading the user.
#[derive(Clone, Copy)]
struct Loading {
    id: StoredValue<String>,
    console: Console,
    /// The user as loaded. Setting it shows the page again.
    loaded: RwSignal<Option<ManagedUser>>,
    error: RwSignal<Option<ApiError>>,
    submission: Submission,
    /// Notified when an action has changed something.
    changes: RwSignal<()>,
}

impl Loading {
    /// Loads the user. What was typed is replaced by what is stored.
    fn start(self) {
        let id = self.id.get_value();
        clear_notice("");
        self.submission.start(async move {
            let request = move || admin::user(id.as_str().into());
            let response = self.console.send(move || Box::pin(request())).await;
            match response {
                Ok(user) => {
                    self.error.try_set(None);
                    self.loaded.try_set(Some(user));
                    focus_soon("h1");
                }
                Err(error) => {
                    self.error.try_set(Some(error));
                }
            }
            Ok(())
        });
    }
}

/// Says why the user could not be loaded.
#[component]
fn NotLoaded(error: ApiError, loading: Loading) -> impl IntoView {
    let is_gone = error.code() == Some(Code::NotFound);
    let text = if is_gone {
        tr("There is no user with this ID. The account may have been deleted.").to_owned()
    } else {
        error.to_string()
    };
    let on_retry = (!is_gone).then(|| Callback::new(move |()| loading.start()));
    view! {
        <PageHead title=tr("User") lead=tr("This user could not be loaded.") />
        <LoadFailed label=tr("User") text on_retry />
    }
}

/// What the page shows of a user.
#[component]
fn Sections(user: RwSignal<ManagedUser>, console: Console, loading: Loading) -> impl IntoView {
    let id = user.with_untracked(|user| user.id.clone());
    view! {
        <Head user />
        <ConsoleNotice path=user_path(&id) />
        <Facts user />
        <ProfileForm user console loading />
        <Devices id=id.clone() console changes=loading.changes />
        <Events id console changes=loading.changes />
        <Actions user console changes=loading.changes />
    }
}

/// The name or the email address, and what is special about the account.
#[component]
fn Head(user: RwSignal<ManagedUser>) -> impl IntoView {
    let title = move || {
        user.with(|user| {
            if user.name.is_empty() {
                email_for_display(&user.email)
            } else {
                user.name.clone()
            }
        })
    };
    let email = move || user.with(|user| email_for_display(&user.email));
    view! {
        <div class="page-head">
            <h1 tabindex="-1" translate="no" aria-describedby="notice">
                {move || view! { <span>{title()}</span> }}
            </h1>
            <p class="page-lead fact">
                <span translate="no">{move || view! { <span>{email()}</span> }}</span>
                {move || view! { <Badges user=user.get() /> }}
            </p>
        </div>
    }
}

/// What is special about an account.
#[component]
pub(super) fn Badges(user: ManagedUser) -> impl IntoView {
    let badges = [
        (!user.is_active, "badge error", tr("Deactivated")),
        (user.is_active && !user.is_admin, "badge", tr("Active")),
        (user.is_admin, "badge", tr("Administrator")),
        (
            !user.email_verified,
            "badge warning",
            tr("Email not confirmed"),
        ),
        (user.otp_enabled, "badge", tr("Second factor")),
    ];
    let shown = badges.into_iter().filter(|(is_shown, ..)| *is_shown);
    let badges = shown.map(|(_, class, text)| view! { <span class=class>{text}</span> });
    view! { <span class="badges">{badges.collect_view()}</span> }
}

/// What can't be changed.
#[component]
fn Facts(user: RwSignal<ManagedUser>) -> impl IntoView {
    let now = clock();
    let (id, joined) = user.with_untracked(|user| (user.id.clone(), user.date_joined.clone()));
    let joined_at = local_time(&joined);
    let last_login = move || match user.with(|user| user.last_login.clone()) {
        Some(time) => view! { <RelativeTime time now /> }.into_any_sync(),
        None => view! { <span>{tr("Never")}</span> }.into_any_sync(),
    };
    let email = move || {
        if user.with(|user| user.email_verified) {
            tr("Confirmed")
        } else {
            tr("Not confirmed")
        }
    };
    let factor = move || {
        if user.with(|user| user.otp_enabled) {
            tr("On")
        } else {
            tr("Off")
        }
    };
    view! {
        <section class="section" aria-label=tr("Account")>
            <dl class="data">
                <dt>{tr("Created")}</dt>
                <dd>
                    <time datetime=joined>{joined_at}</time>
                </dd>
                <dt>{tr("Last sign-in")}</dt>
                <dd>{last_login}</dd>
                <dt>{tr("Email address")}</dt>
                <dd>{move || view! { <span>{email()}</span> }}</dd>
                <dt>{tr("Second factor")}</dt>
                <dd>{move || view! { <span>{factor()}</span> }}</dd>
                <dt>{tr("ID")}</dt>
                <dd>
                    <code translate="no">{id}</code>
                </dd>
            </dl>
        </section>
    }
}
