//! The table of the users: on a phone, a card for each.

use languages::{tr, tr_with};
use leptos::prelude::*;

use super::{Selection, columns::Columns};
use crate::{
    admin_pages::user_path,
    api::admin::ManagedUser,
    components::{IntoAnySync, RelativeTime, local_date, local_time},
    email::email_for_display,
    pages::{
        account::clock::clock,
        admin::{listing::Listing, url_state::UrlState, user::Badges},
    },
};

/// The number of the parameter with the order.
const ORDER: usize = 6;

/// The table of the users. Its roles are explicit, because on a phone its parts are no table for the style
/// sheet, and browsers then forget what they are.
#[component]
pub(super) fn Table(
    list: Listing<ManagedUser>,
    selection: Selection,
    columns: Columns,
    query: UrlState,
) -> impl IntoView {
    let now = clock();
    // A user who has not changed is not rendered again, so that the focus stays.
    let key = |user: &ManagedUser| {
        let login = user.last_login.as_deref().unwrap_or_default();
        format!("{} {} {} {login}", user.id, user.version, user.otp_enabled)
    };
    view! {
        <table
            class="users"
            role="table"
            aria-label=tr("Users")
            aria-busy=move || if list.is_loading() { "true" } else { "false" }
            data-hidden=move || columns.hidden()
        >
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col" class="c-select">
                        <SelectAll list selection />
                    </th>
                    <SortHeading
                        class="c-user"
                        text=tr("User, by email")
                        query
                        orders=["email", "-email"]
                    />
                    {heading("c-status", tr("Status"))}
                    {heading("c-roles", tr("Roles"))}
                    <SortHeading
                        class="c-joined"
                        text=tr("Joined")
                        query
                        orders=["date_joined", ""]
                    />
                    {heading("c-login", tr("Last sign-in"))}
                    {heading("c-id", tr("ID"))}
                </tr>
            </thead>
            <tbody role="rowgroup">
                <For each=move || list.items.get() key let:user>
                    <Row user selection now />
                </For>
            </tbody>
        </table>
    }
}

fn heading(class: &'static str, text: &'static str) -> impl IntoView {
    view! {
        <th role="columnheader" scope="col" class=class>
            {text}
        </th>
    }
}

/// The heading of a column by which the table can be sorted.
#[component]
fn SortHeading(
    class: &'static str,
    text: &'static str,
    query: UrlState,
    /// The parameter for the ascending and for the descending order.
    orders: [&'static str; 2],
) -> impl IntoView {
    let [ascending, descending] = orders;
    let sort = move || match query.get(ORDER) {
        order if order == ascending => Some("ascending"),
        order if order == descending => Some("descending"),
        _ => None,
    };
    let toggle = move |_| {
        let is_ascending = untrack(sort) == Some("ascending");
        query.set(
            ORDER,
            if is_ascending { descending } else { ascending }.to_owned(),
        );
    };
    view! {
        <th role="columnheader" scope="col" class=class aria-sort=sort>
            <button type="button" class="sort" on:click=toggle>
                {text}
            </button>
        </th>
    }
}

/// Selects all users that are shown, or none.
#[component]
fn SelectAll(list: Listing<ManagedUser>, selection: Selection) -> impl IntoView {
    let is_all = move || {
        let is_selected = |user: &ManagedUser| selection.contains(&user.id);
        list.items
            .with(|users| !users.is_empty() && users.iter().all(is_selected))
    };
    let is_some = move || selection.count() > 0 && !is_all();
    let select = move |event| {
        let is_selected = event_target_checked(&event);
        list.items.with_untracked(|users| {
            for user in users {
                selection.set(user, is_selected);
            }
        });
    };
    view! {
        <label class="tick">
            <input
                type="checkbox"
                prop:checked=is_all
                prop:indeterminate=is_some
                on:change=select
            />
            <span class="select-all">{tr("Select all shown")}</span>
        </label>
    }
}

#[component]
fn Row(user: ManagedUser, selection: Selection, now: Signal<u64>) -> impl IntoView {
    let email = email_for_display(&user.email);
    let select = tr_with("Select {email}", &[("email", &email)]);
    let (title, subtitle) = if user.name.is_empty() {
        (email, None)
    } else {
        (user.name.clone(), Some(email))
    };
    let path = user_path(&user.id);
    let joined = local_date(&user.date_joined);
    let joined_exactly = local_time(&user.date_joined);
    let roles = user.roles.join(", ");
    let id = StoredValue::new(user.id.clone());
    let is_selected = Memo::new(move |_| id.with_value(|id| selection.contains(id)));
    let last_login = match user.last_login.clone() {
        Some(time) => view! { <RelativeTime time now /> }.into_any_sync(),
        None => view! { <span class="soft">{tr("Never")}</span> }.into_any_sync(),
    };
    let (shown_id, badges, date) = (user.id.clone(), user.clone(), user.date_joined.clone());
    view! {
        <tr role="row" class:selected=move || is_selected.get()>
            <td role="cell" class="c-select">
                <label class="tick">
                    <input
                        type="checkbox"
                        prop:checked=move || is_selected.get()
                        on:change=move |event| selection.set(&user, event_target_checked(&event))
                    />
                    <span class="visually-hidden">{select}</span>
                </label>
            </td>
            <th role="rowheader" scope="row" class="c-user" translate="no">
                <a href=path>{title}</a>
                {subtitle.map(|text| view! { <span class="soft">{text}</span> })}
            </th>
            <td role="cell" class="c-status">
                <Badges user=badges />
            </td>
            <td role="cell" class="c-roles" data-label=tr("Roles") translate="no">
                {roles}
            </td>
            <td role="cell" class="c-joined" data-label=tr("Joined")>
                <time datetime=date title=joined_exactly>
                    {joined}
                </time>
            </td>
            <td role="cell" class="c-login" data-label=tr("Last sign-in")>
                {last_login}
            </td>
            <td role="cell" class="c-id" data-label=tr("ID") translate="no">
                <code>{shown_id}</code>
            </td>
        </tr>
    }
}
