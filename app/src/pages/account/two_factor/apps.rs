//! The authenticator apps in use.

use languages::{tr, tr_with};
use leptos::prelude::*;

use super::{
    super::{
        clock::clock,
        dialog::PasswordForm,
        named::{NamedRow, RenameForm, rows},
    },
    flow::{Flow, Step},
};
use crate::{api::totp::AuthenticatorApp, components::IconName};

/// How many apps a user has at most.
const LIMIT: usize = 10;

/// Lists the authenticator apps.
#[component]
pub(super) fn Apps(flow: Flow) -> impl IntoView {
    flow.load_apps();
    let now = clock();
    rows(flow.apps, move |app: &AuthenticatorApp| {
        let (renamed, removed) = (app.clone(), app.clone());
        // The only one goes when the second factor is turned off.
        let on_remove = (flow.count_apps() > 1)
            .then(|| Callback::new(move |()| flow.start(Step::RemoveApp(removed.clone()))));
        view! {
            <NamedRow
                icon=IconName::Phone
                name=app.name.clone()
                created_at=app.created_at.clone()
                last_used_at=app.last_used_at.clone()
                now
                on_rename=move |()| flow.start(Step::RenameApp(renamed.clone()))
                on_remove
            />
        }
    })
}

/// The button that adds an app, unless there are too many.
#[component]
pub(super) fn AddAppButton(flow: Flow) -> impl IntoView {
    let is_full = Memo::new(move |_| flow.count_apps() >= LIMIT);
    move || {
        (!is_full.get()).then(|| {
            view! {
                <button
                    type="button"
                    class="button quiet"
                    on:click=move |_| flow.start(Step::AddApp)
                >
                    {tr("Add another app")}
                </button>
            }
        })
    }
}

/// Asks for the password, to add an app.
#[component]
pub(super) fn AddApp(flow: Flow) -> impl IntoView {
    view! {
        <PasswordForm
            dialog=flow.dialog
            details=flow.details
            title=tr("Add an authenticator app")
            lead=tr("Use a second app, on another device for example, in case you lose the first one. Either of them signs you in. Enter your password to continue.")
            submit=tr("Continue")
            pending_label=tr("Checking…")
            on_submit=move |password| flow.begin_app(password)
        />
    }
}

/// Asks for another name of an app.
#[component]
pub(super) fn RenameApp(flow: Flow, app: AuthenticatorApp) -> impl IntoView {
    let id = StoredValue::new(app.id);
    view! {
        <RenameForm
            dialog=flow.dialog
            details=flow.details
            title=tr("Rename this app")
            name=app.name
            hint=tr("Such as the name of the app, or of the device that it is on.")
            on_submit=move |name| flow.rename_app(id.get_value(), name)
        />
    }
}

/// Asks for the password, to remove an app.
#[component]
pub(super) fn RemoveApp(flow: Flow, app: AuthenticatorApp) -> impl IntoView {
    let lead = tr_with(
        "Codes of {name} will no longer sign in to your account. All devices will ask for a code again.",
        &[("name", &app.name)],
    );
    let app = StoredValue::new(app);
    view! {
        <PasswordForm
            dialog=flow.dialog
            details=flow.details
            title=tr("Remove this app?")
            lead
            submit=tr("Remove")
            pending_label=tr("Removing…")
            style="danger"
            on_submit=move |password| flow.remove_app(app.get_value(), password)
        />
    }
}
