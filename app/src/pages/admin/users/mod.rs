//! The page of the users: finding them, and changing several at once.

mod bulk;
mod columns;
mod create;
mod filters;
mod table;

use languages::tr;
use leptos::prelude::*;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, Reply},
    counted::Counted,
    listing::{Listing, Page, Waiting},
    url_state::UrlState,
};
use crate::{
    admin_pages::AdminPage,
    api::{
        Text,
        admin::{self, ManagedUser},
    },
    components::IntoAnySync,
};
use bulk::BulkBar;
use columns::{ColumnChoice, Columns};
use create::AddUser;
use filters::Filters;
use table::Table;

/// The parameters of the page's address, which are fields of the request, too.
const NAMES: [&str; 7] = [
    "search",
    "is_active",
    "is_admin",
    "role",
    "email_verified",
    "otp_enabled",
    "order",
];

/// The largest number of users that can be changed at once.
const LIMIT: usize = 1_000;

/// The users that are selected.
#[derive(Clone, Copy)]
struct Selection(RwSignal<Vec<ManagedUser>>);

impl Selection {
    /// Returns whether a user is selected. Reactive.
    fn contains(self, id: &str) -> bool {
        self.0.with(|users| users.iter().any(|user| user.id == id))
    }

    /// Returns the number of selected users. Reactive.
    fn count(self) -> usize {
        self.0.with(Vec::len)
    }

    fn set(self, user: &ManagedUser, is_selected: bool) {
        self.0.update(|users| {
            users.retain(|other| other.id != user.id);
            if is_selected && users.len() < LIMIT {
                users.push(user.clone());
            }
        });
    }

    fn clear(self) {
        // The page may have been left.
        if self.0.try_with_untracked(Vec::is_empty) == Some(false) {
            self.0.set(Vec::new());
        }
    }
}

/// The page of the users.
#[component]
pub(super) fn Users(console: Console) -> impl IntoView {
    let query = UrlState::new(AdminPage::Users.path(), &NAMES);
    let list = Listing::new(console, move |cursor| fetch(query, cursor));
    let selection = Selection(RwSignal::new(Vec::new()));
    let columns = Columns::new();
    Effect::new(move |_| {
        query.track();
        // What is not shown is not changed by mistake.
        selection.clear();
        list.reload();
    });
    let is_waiting = Memo::new(move |_| list.is_waiting());
    let is_empty = Memo::new(move |_| list.items.with(Vec::is_empty));
    let empty = Signal::derive(move || {
        let text = if query.is_filtered() {
            tr("No user matches. Try fewer filters or a shorter search.")
        } else {
            tr("There are no users.")
        };
        text.to_owned()
    });
    view! {
        <div class="head-row">
            <PageHead title=tr("Users") lead=tr("Everyone who has an account here.") />
            <AddUser console list />
        </div>
        <ConsoleNotice path=AdminPage::Users.path() />
        <section class="section" aria-label=tr("Users")>
            <Filters query />
            <div class="list-tools">
                <BulkBar console selection list />
                <ColumnChoice columns />
            </div>
            {move || {
                if is_waiting.get() {
                    view! { <Waiting /> }.into_any_sync()
                } else if is_empty.get() {
                    ().into_any_sync()
                } else {
                    view! { <Table list selection columns query /> }.into_any_sync()
                }
            }}
            {list.end(Counted::Users, empty)}
        </section>
    }
}

/// Loads a page of the users.
fn fetch(query: UrlState, cursor: Option<String>) -> Reply<Page<ManagedUser>> {
    let request = admin::users(
        query.field(0),
        query.field(1),
        query.field(2),
        query.field(3),
        query.field(4),
        query.field(5),
        query.field(6),
        Text::Absent,
        cursor.unwrap_or_default().into(),
    );
    Box::pin(async move {
        let page = request.await?;
        Ok((page.users, page.next_cursor))
    })
}
