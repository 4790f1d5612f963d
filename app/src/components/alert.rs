use leptos::prelude::*;

use super::Submission;

/// Says why a request failed, and reads it out.
#[component]
pub fn Alert(
    /// The request.
    submission: Submission,
) -> impl IntoView {
    // The region is always there: screen readers tell only changes of what they already know.
    view! {
        <div class="alert-region" role="alert">
            {move || submission.message().map(|message| view! { <p class="alert">{message}</p> })}
        </div>
    }
}
