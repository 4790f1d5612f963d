use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::{Mark, focus_soon};

/// The head of every page.
#[component]
pub fn Header() -> impl IntoView {
    focus_heading_after_navigation();
    view! {
        <header class="site-header">
            <a href="/" class="home-link">
                <Mark />
            </a>
        </header>
    }
}

/// Moves the focus to the new page's heading, so that it is read out and the Tab key goes on
/// from there; or to the field that the page is there for. A page that the browser has loaded
/// itself needs nothing of the kind.
fn focus_heading_after_navigation() {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let path = path.get();
        if before.is_some_and(|before| before != path) {
            focus_soon("main [autofocus], main:not(:has([autofocus])) h1");
        }
        path
    });
}
