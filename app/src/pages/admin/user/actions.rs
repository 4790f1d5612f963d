//! What can be done to a user, each after a question that names the consequence.

use std::sync::Arc;

use languages::{tr, tr_with};
use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};
use serde_json::Value;

use super::super::{
    console::{Console, Reply},
    question::Question,
};
use crate::{
    admin_pages::{AdminPage, user_path},
    api::{
        Text,
        admin::{self, ManagedUser},
    },
    components::{IntoAnySync, focus_soon},
    email::email_for_display,
};

/// What can be done to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    EmailReset,
    SignOut,
    ResetSecondFactor,
    GrantAdmin,
    RevokeAdmin,
    Deactivate,
    Activate,
    Delete,
}

/// The words of an action.
struct Words {
    title: &'static str,
    /// What it does.
    text: &'static str,
    label: &'static str,
    pending_label: &'static str,
    /// What has happened.
    done: &'static str,
}

impl Action {
    const ALL: [Self; 8] = [
        Self::EmailReset,
        Self::SignOut,
        Self::ResetSecondFactor,
        Self::GrantAdmin,
        Self::RevokeAdmin,
        Self::Deactivate,
        Self::Activate,
        Self::Delete,
    ];

    /// Returns whether it makes sense for a user.
    const fn applies_to(self, user: &ManagedUser) -> bool {
        match self {
            Self::EmailReset | Self::Deactivate => user.is_active,
            Self::SignOut | Self::Delete => true,
            Self::ResetSecondFactor => user.otp_enabled,
            Self::GrantAdmin => !user.is_admin && user.is_active,
            Self::RevokeAdmin => user.is_admin,
            Self::Activate => !user.is_active,
        }
    }

    /// Returns whether it takes something away.
    const fn is_dangerous(self) -> bool {
        !matches!(
            self,
            Self::EmailReset | Self::Activate | Self::GrantAdmin | Self::SignOut
        )
    }

    fn words(self) -> Words {
        let (title, text, label, pending_label, done) = match self {
            Self::EmailReset => (
                tr("Email a link to reset the password"),
                tr(
                    "The user gets a link to choose a new password, which works for an hour. Until then the present password stays valid.",
                ),
                tr("Send link"),
                tr("Sending…"),
                tr("The link is on its way."),
            ),
            Self::SignOut => (
                tr("Sign out everywhere"),
                tr("Every device of this user is signed out at once. The user can sign in again."),
                tr("Sign out"),
                tr("Signing out…"),
                tr("The user is signed out everywhere."),
            ),
            Self::ResetSecondFactor => (
                tr("Remove the second factor"),
                tr(
                    "The authenticator app and the recovery codes stop working, and every device is signed out. Afterwards the password alone is enough to sign in: first make sure that it is really the user who asks.",
                ),
                tr("Remove"),
                tr("Removing…"),
                tr("The second factor has been removed."),
            ),
            Self::GrantAdmin => (
                tr("Make administrator"),
                tr(
                    "The user may then see, change and delete every account, including yours, and create service keys.",
                ),
                tr("Make administrator"),
                tr("Changing…"),
                tr("The user is an administrator now."),
            ),
            Self::RevokeAdmin => (
                tr("Remove administrator"),
                tr("The user can no longer open these pages, at once. The account itself stays."),
                tr("Remove"),
                tr("Changing…"),
                tr("The user is no longer an administrator."),
            ),
            Self::Deactivate => (
                tr("Deactivate account"),
                tr(
                    "The user is signed out everywhere at once and can't sign in. Links that were emailed to the user stop working. You can activate the account again.",
                ),
                tr("Deactivate"),
                tr("Deactivating…"),
                tr("The account has been deactivated."),
            ),
            Self::Activate => (
                tr("Activate account"),
                tr("The user can sign in again."),
                tr("Activate"),
                tr("Activating…"),
                tr("The account has been activated."),
            ),
            Self::Delete => (
                tr("Delete account"),
                tr(
                    "The account and everything that belongs to it are deleted for good, and its address is notified. This can't be undone.",
                ),
                tr("Delete"),
                tr("Deleting…"),
                "",
            ),
        };
        Words {
            title,
            text,
            label,
            pending_label,
            done,
        }
    }
}

/// Opens the page of the users.
type Leave = Arc<dyn Fn() + Send + Sync>;

/// The section with the actions.
#[component]
pub(super) fn Actions(
    user: RwSignal<ManagedUser>,
    console: Console,
    /// Notified when an action has changed something.
    changes: RwSignal<()>,
) -> impl IntoView {
    let navigate = use_navigate();
    let leave: Leave = Arc::new(move || {
        let options = NavigateOptions {
            replace: true,
            ..Default::default()
        };
        navigate(AdminPage::Users.path(), options);
    });
    let shown = Memo::new(move |_| {
        user.with(|user| {
            let applies = |action: &Action| action.applies_to(user);
            Action::ALL.into_iter().filter(applies).collect::<Vec<_>>()
        })
    });
    let rows = move || {
        let rows = shown.get().into_iter().map(|action| {
            let leave = leave.clone();
            let ask = move |_| {
                let is_me = user.with_untracked(|user| console.is_me(&user.id));
                console
                    .asking
                    .ask(question(action, user, is_me, changes, leave.clone()));
            };
            view! { <ActionRow action on_press=ask /> }
        });
        rows.collect_view().into_any_sync()
    };
    view! {
        <section class="section" aria-labelledby="actions">
            <h2 id="actions" tabindex="-1">
                {tr("Actions")}
            </h2>
            <ul class="rows" role="list">
                {rows}
            </ul>
        </section>
    }
}

#[component]
fn ActionRow(
    action: Action,
    #[prop(into)] on_press: Callback<leptos::ev::MouseEvent>,
) -> impl IntoView {
    let words = action.words();
    let class = if action.is_dangerous() {
        "button danger"
    } else {
        "button quiet"
    };
    view! {
        <li class="row">
            <div class="row-text">
                <p class="row-title">{words.title}</p>
                <p class="row-facts">{words.text}</p>
            </div>
            <button type="button" class=class on:click=move |event| on_press.run(event)>
                {words.label}
                {(words.label != words.title)
                    .then(|| view! { <span class="visually-hidden">": " {words.title}</span> })}
            </button>
        </li>
    }
}

/// Asks before an action.
fn question(
    action: Action,
    user: RwSignal<ManagedUser>,
    is_me: bool,
    changes: RwSignal<()>,
    leave: Leave,
) -> Question {
    let words = action.words();
    let (id, email) = user.with_untracked(|user| (user.id.clone(), email_for_display(&user.email)));
    let mut text = vec![words.text.to_owned()];
    if is_me && (action.is_dangerous() || action == Action::SignOut) {
        text.push(tr("This is your own account.").to_owned());
    }
    let path = if action == Action::Delete {
        AdminPage::Users.path().to_owned()
    } else {
        user_path(&id)
    };
    let done = if action == Action::Delete {
        tr_with("{email} has been deleted.", &[("email", &email)])
    } else {
        words.done.to_owned()
    };
    let request = Arc::new(move || -> Reply<String> {
        let change = send(action, &id);
        let (done, leave, page) = (done.clone(), leave.clone(), user_path(&id));
        Box::pin(async move {
            let changed = change.await?;
            // Of a deleted user there is nothing to show any more.
            if action != Action::Delete {
                record(action, user, changed);
                changes.try_set(());
            }
            let is_here = window()
                .location()
                .pathname()
                .is_ok_and(|path| path == page);
            if action == Action::Delete && is_here {
                leave();
            } else {
                // The button that had the focus may be gone.
                focus_soon("#actions");
            }
            Ok(done)
        })
    });
    Question {
        title: tr_with("{action}?", &[("action", words.title)]),
        text,
        names: vec![email],
        label: words.label,
        pending_label: words.pending_label,
        style: if action.is_dangerous() {
            "danger"
        } else {
            "primary"
        },
        path,
        request,
    }
}

/// Records what an action has changed. The response to some is the user as it is now.
fn record(action: Action, user: RwSignal<ManagedUser>, changed: Option<ManagedUser>) {
    // The page may have been left.
    user.try_update(|user| match changed {
        Some(mut changed) => {
            if !is_same_profile(user, &changed) {
                // Somebody else has changed the profile. The form must notice when it is saved.
                changed.version.clone_from(&user.version);
            }
            *user = changed;
        }
        None if action == Action::ResetSecondFactor => user.otp_enabled = false,
        None => {}
    });
}

/// Returns whether what the form shows is the same.
fn is_same_profile(one: &ManagedUser, other: &ManagedUser) -> bool {
    (&one.email, &one.name, &one.roles) == (&other.email, &other.name, &other.roles)
        && (&one.metadata, &one.app_metadata) == (&other.metadata, &other.app_metadata)
}

/// Sends the request of an action. Some return the user as it is now.
fn send(action: Action, id: &str) -> Reply<Option<ManagedUser>> {
    let id = Text::from(id);
    let (is_active, is_admin) = match action {
        Action::Activate => (Value::Bool(true), Value::Null),
        Action::Deactivate => (Value::Bool(false), Value::Null),
        Action::GrantAdmin => (Value::Null, Value::Bool(true)),
        Action::RevokeAdmin => (Value::Null, Value::Bool(false)),
        _ => (Value::Null, Value::Null),
    };
    Box::pin(async move {
        match action {
            Action::EmailReset => admin::email_reset(id).await?,
            Action::SignOut => admin::sign_out_user(id).await?,
            Action::ResetSecondFactor => admin::reset_otp(id).await?,
            Action::Delete => admin::delete_user(id).await?,
            _ => {
                let null = || Value::Null;
                let changed = admin::update_user(
                    id,
                    null(),
                    null(),
                    null(),
                    is_active,
                    is_admin,
                    null(),
                    null(),
                    null(),
                );
                return changed.await.map(Some);
            }
        }
        Ok(None)
    })
}
