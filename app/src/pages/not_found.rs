//! The page for unknown paths.

use languages::tr;
use leptos::prelude::*;
use leptos_meta::Title;

use crate::appearance::page_title;

use crate::components::focus_new_page;

/// The page for unknown paths. The server responds with status 404.
#[component]
pub fn NotFound() -> impl IntoView {
    focus_new_page();
    view! {
        <Title text=page_title(tr("Page not found")) />
        <div class="panel">
            <h1 tabindex="-1">{tr("Page not found")}</h1>
            <p>
                {tr("There is no page at this address. It may have been moved, or the link may be mistyped.")}
            </p>
            <p>
                <a class="button primary" href="/">
                    {tr("Go to the home page")}
                </a>
            </p>
        </div>
    }
}
