//! The navigation between the pages of the account, and those for administrators: at the side, or as tabs on
//! a phone.

use leptos::{html, prelude::*};
use wasm_bindgen::JsCast;

use crate::components::{Icon, IconName};

/// How much of the tab before the current one stays visible, in pixels.
const PEEK: i32 = 48;

/// A link: its path, its text and its icon.
pub(super) type Link = (&'static str, &'static str, IconName);

/// Links to pages that belong together.
#[component]
pub(super) fn SettingsNavigation(
    /// The name of the navigation.
    label: &'static str,
    /// The links.
    links: Vec<Link>,
    /// The path of the current page.
    current: Signal<&'static str>,
) -> impl IntoView {
    let list = NodeRef::<html::Ul>::new();
    Effect::new(move |_| {
        current.track();
        request_animation_frame(move || show_current(list));
    });
    let links = links.into_iter().map(|(path, name, icon)| {
        let is_current = move || (current.get() == path).then_some("page");
        view! {
            <li>
                <a href=path aria-current=is_current>
                    <Icon name=icon />
                    {name}
                </a>
            </li>
        }
    });
    view! {
        <nav class="settings-nav" aria-label=label>
            <ul node_ref=list role="list">
                {links.collect_view()}
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
