//! `/email/undo`: the emailed link that takes a change of the email address back.

use languages::tr;
use leptos::prelude::*;

use super::link_action::{LinkAction, LinkActionPage};
use crate::api::user::{self, LinkPurpose};

/// `/email/undo`: the emailed link that takes a change of the email address back.
#[component]
pub fn UndoEmail() -> impl IntoView {
    let action = LinkAction {
        purpose: LinkPurpose::Undo,
        request: |token| Box::pin(user::undo_email_change(token.into())),
        title: tr("Take your email address back"),
        question: tr("Take your email address back?"),
        not_done: tr("The change is not taken back yet"),
        done: tr("Your email address is yours again"),
        was_done: tr("The change was already taken back"),
        lead: tr(
            "If you did not change the address of your account, someone else did, and this takes it back. It signs out every device, and removes the password and everything that was added for signing in since. We'll email you a link to choose a new password.",
        ),
        when: tr("Changed"),
        label: tr("Take the change back"),
        pending_label: tr("Taking it back…"),
        next: tr(
            "Every device is signed out. Open the link in the email that we sent to your address, and choose a new password.",
        ),
        next_label: tr("Get another link"),
        incomplete: tr(
            "Open the email again and copy the whole link into the address bar. Until then, the change stays.",
        ),
        validity: tr(
            "A change of the email address can be taken back for 7 days, with the newest link.",
        ),
    };
    view! { <LinkActionPage action /> }
}
