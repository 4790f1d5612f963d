//! The message of a failed request.

use leptos::prelude::*;

use super::{
    message::{Message, Status},
    submission::Submission,
};

/// Shows why a request failed, and announces it to screen readers.
#[component]
pub fn Alert(
    /// The request.
    submission: Submission,
) -> impl IntoView {
    // The region always exists, because screen readers announce changes of known regions only.
    view! {
        <div class="alert-region" role="alert">
            {move || {
                submission.message().map(|text| view! { <Message status=Status::Error text /> })
            }}
        </div>
    }
}
