//! What takes the place of content that could not be loaded.

use languages::tr;
use leptos::prelude::*;

use super::{Message, Status};

/// A section that says why its content could not be loaded, with a button to try again.
#[component]
pub fn LoadFailed(
    /// The name of the section.
    label: &'static str,
    /// Why.
    text: String,
    /// Loads it again. Without it there is no button.
    #[prop(into)]
    on_retry: Option<Callback<()>>,
) -> impl IntoView {
    view! {
        <section class="section" aria-label=label>
            <div role="alert">
                <Message status=Status::Error text />
            </div>
            {on_retry
                .map(|on_retry| {
                    view! {
                        <button type="button" class="button quiet" on:click=move |_| on_retry.run(())>
                            {tr("Try again")}
                        </button>
                    }
                })}
        </section>
    }
}
