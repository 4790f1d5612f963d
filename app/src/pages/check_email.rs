//! The view that replaces a form after it has sent an email.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::{Resend, ResendButton, focus_soon};

/// Asks the user to check their email.
#[component]
pub(super) fn CheckEmail(
    /// Where the email was sent, and what to do with it.
    children: Children,
    /// Sends it again.
    #[prop(into)]
    on_resend: Callback<Resend>,
    /// A link to the next page.
    link: AnyView,
) -> impl IntoView {
    focus_soon("h1");
    let resend = Resend::after_another();
    view! {
        <Title text="Check your email · Latchkey" />
        <h1 tabindex="-1">"Check your email"</h1>
        <p class="panel-text">{children()}</p>
        <ResendButton resend on_press=move |()| on_resend.run(resend) />
        <p class="aside">{link}</p>
    }
}
