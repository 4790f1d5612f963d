//! `/admin` and the pages below it: for administrators.
//!
//! The server renders none of their content, because it does not know who asks; the API refuses everyone
//! else.

mod activity;
mod console;
mod counted;
mod events;
mod form;
mod invitations;
mod keys;
mod listing;
mod question;
mod step_up;
mod url_state;
mod user;
mod users;
mod webhooks;

use languages::tr;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_location, use_params_map};

use super::{
    navigation::redirect_if_not_signed_in, not_found::NotFound,
    settings_navigation::SettingsNavigation,
};
use crate::{
    account_pages::AccountPage,
    admin_pages::{AdminPage, is_id},
    api::ApiError,
    appearance::{page_title, site_in_title},
    components::{IntoAnySync, LoadFailed, focus_new_page, focus_soon},
};
use activity::Activity;
use console::{Access, Console, clear_notice};
use invitations::Invitations;
use keys::Keys;
use question::QuestionDialog;
use step_up::StepUpDialog;
use user::UserPage;
use users::Users;
use webhooks::Webhooks;

/// A page for administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Route {
    /// One of the navigation.
    Page(AdminPage),
    /// That of a user, by its id.
    User(String),
}

/// What the address and the user's rights lead to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Page,
    NotFound,
    Lost,
}

/// `/admin` and the pages below it.
#[component]
pub fn Admin() -> impl IntoView {
    redirect_if_not_signed_in();
    let route = use_route();
    #[cfg(feature = "ssr")]
    if route.get_untracked().is_none() {
        use_context::<leptos_axum::ResponseOptions>()
            .inspect(|response| response.set_status(http::StatusCode::NOT_FOUND));
    }
    let console = Console::new();
    console.check_when_signed_in();
    manage_focus(route);
    let shown = Memo::new(move |_| match (route.get(), console.access.get()) {
        (None, _) | (_, Access::Denied) => Shown::NotFound,
        (Some(_), Access::Lost) => Shown::Lost,
        (Some(_), _) => Shown::Page,
    });
    move || match shown.get() {
        Shown::Page => {
            let route =
                Signal::derive(move || route.get().unwrap_or(Route::Page(AdminPage::Users)));
            view! { <Frame route console /> }.into_any_sync()
        }
        Shown::NotFound => view! { <NotFound /> }.into_any_sync(),
        Shown::Lost => view! { <NoLongerAdministrator /> }.into_any_sync(),
    }
}

/// Returns which page the address names, if it names one.
fn use_route() -> Memo<Option<Route>> {
    // Unlike the location, the parameters don't change when a page outside of the administration opens.
    let params = use_params_map();
    Memo::new(move |_| {
        let params = params.read();
        match (params.get_str("id"), params.get_str("page")) {
            (Some(id), _) => is_id(id).then(|| Route::User(id.to_owned())),
            (None, Some(name)) => {
                let path = format!("{}/{name}", AdminPage::Users.path());
                AdminPage::find(&path).map(Route::Page)
            }
            (None, None) => Some(Route::Page(AdminPage::Users)),
        }
    })
}

/// When another page opens, moves the focus to its heading, and takes back what the last one has said.
fn manage_focus(route: Memo<Option<Route>>) {
    let path = use_location().pathname;
    Effect::new(move |previous: Option<Option<Route>>| {
        let current = route.get();
        clear_notice(&path.get_untracked());
        if previous.is_some_and(|previous| previous != current) {
            focus_new_page();
        }
        current
    });
}

/// The navigation, and the page beside it.
#[component]
fn Frame(route: Signal<Route>, console: Console) -> impl IntoView {
    let site = site_in_title();
    let title = move || {
        let page = match route.get() {
            Route::Page(page) => page.name(),
            Route::User(_) => tr("User"),
        };
        format!("{page} · {} · {site}", tr("Administration"))
    };
    let current = Signal::derive(move || match route.get() {
        Route::Page(page) => page.path(),
        Route::User(_) => AdminPage::Users.path(),
    });
    let links = AdminPage::ALL.map(|page| (page.path(), page.name(), page.icon()));
    let access = Memo::new(move |_| console.access.get());
    view! {
        <Title text=title />
        <div class="settings admin when-signed-in">
            <SettingsNavigation label=tr("Administration") links=links.to_vec() current />
            <div class="settings-page">
                {move || match access.get() {
                    Access::Failed(error) => view! { <CheckFailed error console /> }.into_any_sync(),
                    Access::Granted => view! { <Content route console /> }.into_any_sync(),
                    _ => view! { <Skeleton /> }.into_any_sync(),
                }}
            </div>
        </div>
    }
}

/// A page, and the dialogs that all pages share.
#[component]
fn Content(route: Signal<Route>, console: Console) -> impl IntoView {
    let route = Memo::new(move |_| route.get());
    view! {
        {move || match route.get() {
            Route::Page(AdminPage::Users) => view! { <Users console /> }.into_any_sync(),
            Route::Page(AdminPage::Invitations) => {
                view! { <Invitations console /> }.into_any_sync()
            }
            Route::Page(AdminPage::Activity) => view! { <Activity console /> }.into_any_sync(),
            Route::Page(AdminPage::Keys) => view! { <Keys console /> }.into_any_sync(),
            Route::Page(AdminPage::Webhooks) => view! { <Webhooks console /> }.into_any_sync(),
            Route::User(id) => view! { <UserPage id console /> }.into_any_sync(),
        }}
        <QuestionDialog console />
        <StepUpDialog step_up=console.step_up me=console.me />
    }
}

/// The heading of a page.
#[component]
fn PageHead(title: &'static str, lead: &'static str) -> impl IntoView {
    view! {
        <div class="page-head">
            <h1 tabindex="-1" aria-describedby="notice">
                {title}
            </h1>
            <p class="page-lead">{lead}</p>
        </div>
    }
}

/// A placeholder until it is known who is signed in. It says nothing.
#[component]
fn Skeleton() -> impl IntoView {
    view! {
        <div class="page-head" aria-busy="true">
            <h1 tabindex="-1">
                <span class="skeleton">{tr("Loading")}</span>
            </h1>
            <p class="page-lead">
                <span class="skeleton">{tr("This takes a moment.")}</span>
            </p>
        </div>
    }
}

/// Says why it is not known who is signed in, with a button to try again.
#[component]
fn CheckFailed(error: ApiError, console: Console) -> impl IntoView {
    let try_again = move |()| {
        console.access.set(Access::Unknown);
        console.check();
        // The button that had the focus is gone.
        focus_soon("h1");
    };
    view! {
        <PageHead title=tr("Administration") lead=tr("This page could not be loaded.") />
        <LoadFailed
            label=tr("Administration")
            text=error.to_string()
            on_retry=Callback::new(try_again)
        />
    }
}

/// Takes the place of a page whose user has lost the right to see it while it was open.
#[component]
fn NoLongerAdministrator() -> impl IntoView {
    focus_new_page();
    view! {
        <Title text=page_title(tr("Administration")) />
        <div class="panel">
            <h1 tabindex="-1">{tr("You are no longer an administrator")}</h1>
            <p role="alert">
                {tr("Someone has taken this role from you. Your last change was not made. Ask another administrator if this is a mistake.")}
            </p>
            <p>
                <a class="button primary" href=AccountPage::Overview.path()>
                    {tr("Go to your account")}
                </a>
            </p>
        </div>
    }
}
