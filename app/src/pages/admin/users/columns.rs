//! Which columns the table of the users has. The browser remembers it.

use gloo_storage::{LocalStorage, Storage};
use languages::{tr, tr_later};
use leptos::prelude::*;

use super::super::form::Tick;
use crate::browser::session::is_storage_allowed;

/// The key in `localStorage`. Its value is the names of the hidden columns, with spaces between them.
const KEY: &str = "latchkey.hidden_columns";

/// The columns that can be hidden: their names in the style sheet and in the heading.
const COLUMNS: [(&str, &str); 5] = [
    ("status", tr_later("Status")),
    ("roles", tr_later("Roles")),
    ("joined", tr_later("Joined")),
    ("login", tr_later("Last sign-in")),
    ("id", tr_later("ID")),
];

/// The columns that are hidden at first.
const HIDDEN: &str = "id";

/// The columns that are hidden.
#[derive(Clone, Copy)]
pub(super) struct Columns(RwSignal<String>);

impl Columns {
    pub fn new() -> Self {
        let stored = is_storage_allowed()
            .then(|| LocalStorage::get::<String>(KEY).ok())
            .flatten();
        Self(RwSignal::new(stored.unwrap_or_else(|| HIDDEN.to_owned())))
    }

    /// Returns the names of the hidden columns, with spaces between them. Reactive.
    pub fn hidden(self) -> String {
        self.0.get()
    }

    fn is_shown(self, name: &str) -> bool {
        self.0
            .with(|hidden| !hidden.split(' ').any(|other| other == name))
    }

    fn show(self, name: &str, is_shown: bool) {
        self.0.update(|hidden| {
            let others = hidden
                .split(' ')
                .filter(|other| !other.is_empty() && *other != name);
            let mut names: Vec<_> = others.collect();
            if !is_shown {
                names.push(name);
            }
            *hidden = names.join(" ");
        });
        if is_storage_allowed() {
            // Where the storage is full, it is forgotten when the page is left.
            let _ = LocalStorage::set(KEY, self.0.get_untracked());
        }
    }
}

/// Lets the user choose the columns.
#[component]
pub(super) fn ColumnChoice(columns: Columns) -> impl IntoView {
    let ticks = COLUMNS.map(|(name, label)| {
        let value = Signal::derive(move || columns.is_shown(name));
        let change = move |is_shown| columns.show(name, is_shown);
        view! { <Tick label=tr(label) value on_change=change /> }
    });
    view! {
        <details class="help columns">
            <summary>{tr("Columns")}</summary>
            <div class="column-choice">{ticks.into_iter().collect_view()}</div>
        </details>
    }
}
