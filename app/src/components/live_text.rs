//! Text that changes while the page is open.

use leptos::prelude::*;

use super::sync_hydrate::SyncHydrate;

/// Text that changes while the page is open, such as a countdown.
///
/// Translators replace the text nodes of a page by elements of their own. A new text in the old node
/// would then change nothing that is visible, so each text gets a new element.
#[component]
pub fn LiveText(
    /// The text.
    #[prop(into)]
    text: Signal<String>,
) -> impl IntoView {
    let text = Memo::new(move |_| text.get());
    move || SyncHydrate::new(view! { <span>{text.get()}</span> })
}
