//! What the account says while the email address is not verified.

use languages::{tr, tr_around, tr_later};
use leptos::prelude::*;

use super::details::Details;
use crate::{
    api::user,
    browser::with_timeout,
    components::{Resend, ResendButton},
};

/// Says that the address must be verified first, in place of something that needs it.
pub(super) const FIRST: &str = tr_later("Confirm your email address first.");

/// Asks to verify the email address, above what can't be done before.
#[component]
pub(super) fn Unverified(details: Details) -> impl IntoView {
    move || {
        (!details.is_verified()).then(|| {
            let (before, after) = tr_around(
                "We emailed a link to {email}. Until you open it and confirm, you can't turn on \
                 two-factor authentication or change your email.",
                "email",
            );
            view! {
                <section class="callout" aria-labelledby="unverified">
                    <div class="callout-text">
                        <h2 id="unverified">{tr("Confirm your email address")}</h2>
                        <p>
                            {before}
                            <strong translate="no">{details.shown_email()}</strong>
                            {after}
                        </p>
                    </div>
                    <ResendLink details />
                </section>
            }
        })
    }
}

/// A button that emails the link again.
#[component]
pub(super) fn ResendLink(details: Details) -> impl IntoView {
    let resend = Resend::default();
    let send_again = move |()| {
        let email = untrack(|| details.email());
        resend.start(with_timeout(user::resend_activation(email.into())));
    };
    view! { <ResendButton resend label=tr("Send the link again") on_press=send_again /> }
}
