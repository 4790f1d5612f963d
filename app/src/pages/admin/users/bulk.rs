//! Changing the selected users at once, after a preview of what will happen.

use std::sync::Arc;

use languages::{tr, tr_count};
use leptos::prelude::*;
use serde_json::Value;

use super::Selection;
use crate::{
    admin_pages::AdminPage,
    api::admin::{self, BulkResults, ManagedUser},
    components::{LiveText, focus_soon},
    email::email_for_display,
    pages::admin::{
        console::{Console, Reply},
        listing::Listing,
        question::Question,
    },
};

/// The most users whom the preview names.
const NAMED: usize = 6;

/// What can be done to several users at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Activate,
    Deactivate,
    SignOut,
    Delete,
}

impl Action {
    const ALL: [Self; 4] = [
        Self::Activate,
        Self::Deactivate,
        Self::SignOut,
        Self::Delete,
    ];

    /// Its name in the API, its label, and the label while it runs.
    fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Activate => ("activate", tr("Activate"), tr("Activating…")),
            Self::Deactivate => ("deactivate", tr("Deactivate"), tr("Deactivating…")),
            Self::SignOut => ("sign-out", tr("Sign out"), tr("Signing out…")),
            Self::Delete => ("delete", tr("Delete"), tr("Deleting…")),
        }
    }

    fn question(self, count: usize) -> String {
        match self {
            Self::Activate => tr_count(count, "Activate {count} user?", "Activate {count} users?"),
            Self::Deactivate => tr_count(
                count,
                "Deactivate {count} user?",
                "Deactivate {count} users?",
            ),
            Self::SignOut => tr_count(count, "Sign out {count} user?", "Sign out {count} users?"),
            Self::Delete => tr_count(count, "Delete {count} user?", "Delete {count} users?"),
        }
    }

    /// Says what was done.
    fn result(self, count: usize) -> String {
        match self {
            Self::Activate => tr_count(
                count,
                "{count} user was activated.",
                "{count} users were activated.",
            ),
            Self::Deactivate => tr_count(
                count,
                "{count} user was deactivated.",
                "{count} users were deactivated.",
            ),
            Self::SignOut => tr_count(
                count,
                "{count} user was signed out.",
                "{count} users were signed out.",
            ),
            Self::Delete => tr_count(
                count,
                "{count} user was deleted.",
                "{count} users were deleted.",
            ),
        }
    }

    fn consequence(self) -> &'static str {
        match self {
            Self::Activate => tr("They can sign in again."),
            Self::Deactivate => tr(
                "They are signed out everywhere at once and can't sign in. Links that were emailed to them stop working. You can activate them again.",
            ),
            Self::SignOut => tr("Every device is signed out at once. They can sign in again."),
            Self::Delete => tr(
                "Their accounts and everything that belongs to them are deleted for good. This can't be undone.",
            ),
        }
    }
}

/// The number of selected users, and what can be done to them.
#[component]
pub(super) fn BulkBar(
    console: Console,
    selection: Selection,
    list: Listing<ManagedUser>,
) -> impl IntoView {
    let count = Memo::new(move |_| selection.count());
    let is_any = Memo::new(move |_| count.get() > 0);
    let text = Signal::derive(move || match count.get() {
        0 => String::new(),
        count => tr_count(count, "{count} selected", "{count} selected"),
    });
    view! {
        <div class="bulk" role="group" aria-label=tr("Selected users")>
            <p role="status">
                <LiveText text />
            </p>
            {move || is_any.get().then(|| view! { <Buttons console selection list /> })}
        </div>
    }
}

#[component]
fn Buttons(console: Console, selection: Selection, list: Listing<ManagedUser>) -> impl IntoView {
    let buttons = Action::ALL.map(|action| {
        let style = if action == Action::Delete {
            "button danger"
        } else {
            "button quiet"
        };
        let ask = move |_| {
            let users = selection.0.get_untracked();
            console
                .asking
                .ask(preview(console, action, &users, selection, list));
        };
        view! {
            <button type="button" class=style on:click=ask>
                {action.words().1}
            </button>
        }
    });
    let clear = move |_| {
        selection.clear();
        focus_soon("#search");
    };
    view! {
        {buttons.into_iter().collect_view()}
        <button type="button" class="link" on:click=clear>
            {tr("Clear selection")}
        </button>
    }
}

/// Says what an action will do to which users.
fn preview(
    console: Console,
    action: Action,
    users: &[ManagedUser],
    selection: Selection,
    list: Listing<ManagedUser>,
) -> Question {
    let (name, label, pending_label) = action.words();
    let ids: Vec<_> = users.iter().map(|user| user.id.clone()).collect();
    let request = Arc::new(move || -> Reply<String> {
        let request = admin::change_users(ids.clone().into(), Value::from(name));
        Box::pin(async move {
            let notice = describe(action, &request.await?);
            selection.clear();
            list.reload();
            // The button that had the focus is gone.
            focus_soon("h1");
            Ok(notice)
        })
    });
    Question {
        title: action.question(users.len()),
        text: consequences(console, action, users),
        names: names(users),
        label,
        pending_label,
        style: if action == Action::Delete || action == Action::Deactivate {
            "danger"
        } else {
            "primary"
        },
        path: AdminPage::Users.path().to_owned(),
        request,
    }
}

/// What will happen, and what will not.
fn consequences(console: Console, action: Action, users: &[ManagedUser]) -> Vec<String> {
    let mut text = vec![action.consequence().to_owned()];
    let unchanged = users
        .iter()
        .filter(|user| match action {
            Action::Activate => user.is_active,
            Action::Deactivate => !user.is_active,
            Action::SignOut | Action::Delete => false,
        })
        .count();
    if unchanged > 0 {
        text.push(if action == Action::Activate {
            tr_count(
                unchanged,
                "{count} is already active: nothing changes there.",
                "{count} are already active: nothing changes there.",
            )
        } else {
            tr_count(
                unchanged,
                "{count} is already deactivated: nothing changes there.",
                "{count} are already deactivated: nothing changes there.",
            )
        });
    }
    let administrators = users.iter().filter(|user| user.is_admin).count();
    if action != Action::Activate && administrators > 0 {
        text.push(tr_count(
            administrators,
            "{count} is an administrator. The last administrator is left alone.",
            "{count} are administrators. The last administrator is left alone.",
        ));
    }
    if action != Action::Activate && users.iter().any(|user| console.is_me(&user.id)) {
        text.push(tr("Your own account is among them.").to_owned());
    }
    text
}

/// The first of the users.
fn names(users: &[ManagedUser]) -> Vec<String> {
    let shown = users.iter().take(NAMED);
    let mut names: Vec<_> = shown.map(|user| email_for_display(&user.email)).collect();
    if users.len() > NAMED {
        let more = users.len() - NAMED;
        names.push(tr_count(more, "and {count} more", "and {count} more"));
    }
    names
}

/// Says what has become of the users.
fn describe(action: Action, results: &BulkResults) -> String {
    let count = |status: &str| {
        results
            .results
            .iter()
            .filter(|one| one.status == status)
            .count()
    };
    let (done, missing, left) = (count("ok"), count("not_found"), count("conflict"));
    let mut sentences = vec![action.result(done)];
    if left > 0 {
        sentences.push(tr("The last administrator was left alone.").to_owned());
    }
    if missing > 0 {
        sentences.push(tr_count(
            missing,
            "{count} is no longer there.",
            "{count} are no longer there.",
        ));
    }
    sentences.join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Action, BulkResults, describe};
    use crate::api::admin::BulkResult;

    fn after(statuses: &[&str]) -> String {
        let results = statuses.iter().map(|status| BulkResult {
            id: String::new(),
            status: (*status).to_owned(),
        });
        let results = BulkResults {
            results: results.collect(),
        };
        describe(Action::Deactivate, &results)
    }

    #[test]
    fn the_result_says_who_was_left_alone() {
        assert_eq!(after(&["ok"]), "1 user was deactivated.");
        assert_eq!(
            after(&["ok", "conflict", "not_found", "ok"]),
            "2 users were deactivated. The last administrator was left alone. 1 is no longer there."
        );
    }
}
