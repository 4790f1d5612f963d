use leptos::{ev, prelude::*};

use super::Submission;
use crate::Waiting;

/// A button that starts a request. While the request runs, the button says so and can't be
/// pressed again.
#[component]
pub fn Button(
    /// The request.
    submission: Submission,
    /// What the button does.
    label: &'static str,
    /// The same while it is being done.
    busy: &'static str,
    /// `submit` in forms.
    #[prop(default = "button")]
    kind: &'static str,
    /// How it looks: `primary`, `quiet` or `danger`.
    #[prop(default = "primary")]
    look: &'static str,
    /// What the label leaves to the eye, for those who only hear it.
    #[prop(optional, into)]
    subject: Option<String>,
    /// What to do when it is pressed; a form's button leaves this to the form.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
) -> impl IntoView {
    // `aria-disabled` keeps the focus where it is; the submission itself ignores a second press.
    let press = move |_: ev::MouseEvent| {
        if let Some(on_press) = on_press {
            on_press.run(());
        }
    };
    view! {
        <button
            type=kind
            class=format!("button {look}")
            disabled=Waiting::get()
            aria-disabled=move || submission.is_running().then_some("true")
            on:click=press
        >
            <span>{move || if submission.is_running() { busy } else { label }}</span>
            {subject.map(|subject| view! { <span class="visually-hidden">" "{subject}</span> })}
        </button>
    }
}
