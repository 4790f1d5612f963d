use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::{ResendButton, Resending, focus_soon};

/// What takes a form's place once it has had a mail sent.
#[component]
pub(super) fn CheckMail(
    /// Where the mail went, and what to do with it.
    children: Children,
    /// Has it sent again.
    #[prop(into)]
    on_resend: Callback<Resending>,
    /// The way on, for when the mail has come.
    link: AnyView,
) -> impl IntoView {
    focus_soon("h1");
    let resending = Resending::default();
    view! {
        <Title text="Check your mail · Latchkey" />
        <h1 tabindex="-1">"Check your mail"</h1>
        <p class="panel-text">{children()}</p>
        <ResendButton resending on_press=move |()| on_resend.run(resending) />
        <p class="aside">{link}</p>
    }
}
