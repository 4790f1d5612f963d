//! Changing the selected users at once, after a preview of what will happen.

use std::sync::Arc;

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

    /// Its name in the API, its label, the label while it runs, and what was done in the end.
    const fn words(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Activate => ("activate", "Activate", "Activating…", "activated"),
            Self::Deactivate => ("deactivate", "Deactivate", "Deactivating…", "deactivated"),
            Self::SignOut => ("sign-out", "Sign out", "Signing out…", "signed out"),
            Self::Delete => ("delete", "Delete", "Deleting…", "deleted"),
        }
    }

    const fn consequence(self) -> &'static str {
        match self {
            Self::Activate => "They can sign in again.",
            Self::Deactivate => {
                "They are signed out everywhere at once and can't sign in. Links that were emailed to them stop working. You can activate them again."
            }
            Self::SignOut => "Every device is signed out at once. They can sign in again.",
            Self::Delete => {
                "Their accounts and everything that belongs to them are deleted for good. This can't be undone."
            }
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
        count => format!("{count} selected"),
    });
    view! {
        <div class="bulk" role="group" aria-label="Selected users">
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
            "Clear selection"
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
    let (name, label, pending_label, _) = action.words();
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
        title: format!("{label} {}?", people(users.len())),
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
        let state = if action == Action::Activate {
            "active"
        } else {
            "deactivated"
        };
        text.push(format!(
            "{} already {state}: nothing changes there.",
            are(unchanged)
        ));
    }
    let administrators = users.iter().filter(|user| user.is_admin).count();
    if action != Action::Activate && administrators > 0 {
        let noun = if administrators == 1 {
            "an administrator"
        } else {
            "administrators"
        };
        text.push(format!(
            "{} {noun}. The last administrator is left alone.",
            are(administrators)
        ));
    }
    if action != Action::Activate && users.iter().any(|user| console.is_me(&user.id)) {
        text.push("Your own account is among them.".to_owned());
    }
    text
}

/// The first of the users.
fn names(users: &[ManagedUser]) -> Vec<String> {
    let shown = users.iter().take(NAMED);
    let mut names: Vec<_> = shown.map(|user| email_for_display(&user.email)).collect();
    if users.len() > NAMED {
        names.push(format!("and {} more", users.len() - NAMED));
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
    let verb = if done == 1 { "was" } else { "were" };
    let mut text = format!("{} {verb} {}.", people(done), action.words().3);
    if left > 0 {
        text.push_str(" The last administrator was left alone.");
    }
    if missing > 0 {
        text.push_str(&format!(" {} no longer there.", are(missing)));
    }
    text
}

fn people(count: usize) -> String {
    match count {
        1 => "1 user".to_owned(),
        count => format!("{count} users"),
    }
}

fn are(count: usize) -> String {
    match count {
        1 => "1 is".to_owned(),
        count => format!("{count} are"),
    }
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
