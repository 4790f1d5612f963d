//! The message after an action.

use leptos::prelude::*;

use super::{
    message::{Message, Status},
    sync_hydrate::SyncHydrate,
};

/// Shows what has happened, and announces it to screen readers.
#[component]
pub fn Notice(
    /// The message, if there is one.
    #[prop(into)]
    text: Signal<Option<String>>,
    /// What kind of message it is.
    #[prop(default = Signal::stored(Status::Success), into)]
    status: Signal<Status>,
    /// An id by which the page's heading can refer to the notice (`aria-describedby`). Screen
    /// readers do not announce a notice that is there when the page opens.
    #[prop(optional)]
    id: Option<&'static str>,
) -> impl IntoView {
    // The region always exists, because screen readers announce changes of known regions only.
    view! {
        <div role="status" id=id>
            {move || {
                text.get()
                    .map(|text| {
                        SyncHydrate::new(view! { <Message status=status.get() text /> })
                    })
            }}
        </div>
    }
}
