//! The button that starts a request.

use leptos::{ev, prelude::*};

use super::{
    icon::{Icon, IconName},
    live_text::LiveText,
    submission::Submission,
};
use crate::hydration::is_hydrated;

/// A button that starts a request. While the request runs, the button says so and can't be
/// pressed again.
#[component]
pub fn Button(
    /// The request.
    submission: Submission,
    /// The label.
    label: &'static str,
    /// The label while the request runs.
    pending_label: &'static str,
    /// The button's `type`: `submit` in forms.
    #[prop(default = "button")]
    kind: &'static str,
    /// The style: `primary`, `quiet`, `danger`, or `menu-item` in a menu.
    #[prop(default = "primary")]
    style: &'static str,
    /// The icon before the label.
    #[prop(optional)]
    icon: Option<IconName>,
    /// Text that follows the label for screen readers only.
    #[prop(optional, into)]
    subject: Option<String>,
    /// The action. A form's submit button leaves it to the form.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
) -> impl IntoView {
    // Unlike `disabled`, `aria-disabled` keeps the focus. The submission ignores a second press.
    let press = move |_: ev::MouseEvent| {
        if let Some(on_press) = on_press {
            on_press.run(());
        }
    };
    let text = Signal::derive(move || {
        let text = if submission.is_running() {
            pending_label
        } else {
            label
        };
        text.to_owned()
    });
    view! {
        <button
            type=kind
            class=format!("button {style}")
            disabled=move || !is_hydrated()
            aria-disabled=move || submission.is_running().then_some("true")
            on:click=press
        >
            {icon.map(|name| view! { <Icon name /> })}
            <LiveText text />
            {subject.map(|subject| view! { <span class="visually-hidden">" "{subject}</span> })}
        </button>
    }
}
