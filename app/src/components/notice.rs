use leptos::prelude::*;

/// Says what has happened, and reads it out.
#[component]
pub fn Notice(
    /// What has happened, once it has.
    #[prop(into)]
    text: Signal<Option<String>>,
    /// By which a page's heading names it: what is there from the start is no change to tell.
    #[prop(optional)]
    id: Option<&'static str>,
) -> impl IntoView {
    // The region is always there: screen readers tell only changes of what they already know.
    view! {
        <div role="status" id=id>
            {move || text.get().map(|text| view! { <p class="notice">{text}</p> })}
        </div>
    }
}
