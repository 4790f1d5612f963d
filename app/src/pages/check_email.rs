//! The view that replaces a form after it has sent an email.

use languages::tr;
use leptos::prelude::*;

use leptos_meta::Title;

use crate::{
    appearance::page_title,
    components::{Resend, ResendButton, SyncChildren, WebmailLink, focus_soon},
};

/// Asks the user to check their email.
#[component]
pub(super) fn CheckEmail(
    /// Where the email was sent, and what to do with it.
    children: SyncChildren,
    /// The address.
    email: String,
    /// Says how long its link works.
    lifetime: &'static str,
    /// Sends it again.
    #[prop(into)]
    on_resend: Callback<Resend>,
    /// Shows the form again, with the address.
    #[prop(into)]
    on_correct: Callback<()>,
    /// A link to the next page.
    link: AnyView,
) -> impl IntoView {
    focus_soon("h1");
    let resend = Resend::after_another();
    view! {
        <Title text=page_title(tr("Check your email")) />
        <h1 tabindex="-1">{tr("Check your email")}</h1>
        <p class="panel-text">{children.run()}</p>
        <WebmailLink email />
        <ul class="tips">
            <li>{lifetime}</li>
            <li>{tr("No email after a minute? Check your spam folder.")}</li>
            <li>
                {tr("Wrong address?")} " "
                <button type="button" class="link" on:click=move |_| on_correct.run(())>
                    {tr("Change it")}
                </button>
            </li>
        </ul>
        <ResendButton resend on_press=move |()| on_resend.run(resend) />
        <p class="aside">{link}</p>
    }
}
