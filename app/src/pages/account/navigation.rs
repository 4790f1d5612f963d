//! The navigation between the pages of the account: at the side, or as tabs on a phone.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

use crate::{account_pages::AccountPage, components::Icon};

/// How much of the tab before the current one stays visible, in pixels.
const PEEK: i32 = 48;

/// Links to the pages of the account.
#[component]
pub(super) fn Navigation(
    /// The current page.
    page: Signal<AccountPage>,
) -> impl IntoView {
    let list = NodeRef::<html::Ul>::new();
    Effect::new(move |_| {
        page.track();
        request_animation_frame(move || show_current(list));
    });
    let links = AccountPage::ALL.map(|link| {
        let current = move || (page.get() == link).then_some("page");
        view! {
            <li>
                <a href=link.path() aria-current=current>
                    <Icon name=link.icon() />
                    {link.name()}
                </a>
            </li>
        }
    });
    view! {
        <nav class="settings-nav" aria-label="Account">
            <ul node_ref=list role="list">
                {links}
            </ul>
        </nav>
    }
}

/// Scrolls the tabs, which may be wider than the screen, to the current one.
fn show_current(list: NodeRef<html::Ul>) {
    let Some(list) = list.try_get_untracked().flatten() else {
        return;
    };
    let link = list.query_selector("[aria-current]").ok().flatten();
    if let Some(link) = link.and_then(|link| link.dyn_into::<web_sys::HtmlElement>().ok()) {
        list.set_scroll_left(link.offset_left() - list.offset_left() - PEEK);
    }
}
