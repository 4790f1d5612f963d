//! The message after a successful action.

use leptos::prelude::*;

use super::sync_hydrate::SyncHydrate;

/// Shows what has happened, and announces it to screen readers.
#[component]
pub fn Notice(
    /// The message, if there is one.
    #[prop(into)]
    text: Signal<Option<String>>,
    /// An id by which the page's heading can refer to the notice (`aria-describedby`). Screen
    /// readers do not announce a notice that is there when the page opens.
    #[prop(optional)]
    id: Option<&'static str>,
) -> impl IntoView {
    // The region always exists, because screen readers announce changes of known regions only.
    view! {
        <div role="status" id=id>
            {move || {
                text.get().map(|text| SyncHydrate(view! { <p class="notice">{text}</p> }))
            }}
        </div>
    }
}
