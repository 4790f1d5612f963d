use leptos::prelude::*;

/// Says what has happened, and reads it out.
#[component]
pub fn Notice(
    /// What has happened, once it has.
    #[prop(into)]
    text: Signal<Option<String>>,
) -> impl IntoView {
    // The region is always there: screen readers tell only changes of what they already know.
    view! {
        <div role="status">
            {move || text.get().map(|text| view! { <p class="notice">{text}</p> })}
        </div>
    }
}
