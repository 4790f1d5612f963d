//! `/device`: the emailed link that signs out a new device.

use languages::tr;
use leptos::prelude::*;

use super::link_action::{LinkAction, LinkActionPage};
use crate::api::user::{self, LinkPurpose};

/// `/device`: the emailed link that signs out a new device.
#[component]
pub fn RejectDevice() -> impl IntoView {
    let action = LinkAction {
        purpose: LinkPurpose::Session,
        request: |token| Box::pin(user::reject_session(token.into())),
        title: tr("Sign out this device"),
        question: tr("Sign out this device?"),
        not_done: tr("The device is not signed out yet"),
        done: tr("The device is signed out"),
        was_done: tr("The device was already signed out"),
        lead: tr(
            "If you did not sign in on this device, sign it out, and then choose a new password: someone else may know yours.",
        ),
        when: tr("Signed in"),
        label: tr("Sign out this device"),
        pending_label: tr("Signing out…"),
        next: tr("Choose a new password now: someone else may know the present one."),
        next_label: tr("Choose a new password"),
        incomplete: tr(
            "Open the email again and copy the whole link into the address bar. Until then, the device stays signed in.",
        ),
        validity: tr(
            "The link works for 7 days, and until you choose a new password, which signs out every other device.",
        ),
    };
    view! { <LinkActionPage action /> }
}
