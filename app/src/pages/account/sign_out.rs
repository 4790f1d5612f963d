//! The buttons "Sign out everywhere" and "Sign out all others".

use http::StatusCode;
use languages::{tr, tr_with};
use leptos::prelude::*;

use super::{confirm::ConfirmDialog, details::Details, dialog::DialogState};
use crate::{
    api::{ApiError, Code, user},
    browser::{
        EndReason, session,
        sign_out::{Scope, finish_sign_out},
    },
    components::{Notice, Submission, focus_soon},
};

/// Signs out every device, after a question.
#[component]
pub(super) fn SignOutEverywhere(details: Details) -> impl IntoView {
    let asks = RwSignal::new(false);
    let submission = Submission::default();
    // Whether the response to an earlier request was lost.
    let was_lost = StoredValue::new(false);
    let sign_out = move |()| {
        submission.start(async move {
            let response = user::logout_all().await;
            let lost_before = was_lost.try_get_value().unwrap_or(false);
            if response.as_ref().is_err_and(ApiError::is_unclear) {
                was_lost.try_set_value(true);
            }
            finish_sign_out(response, Scope::Everywhere, lost_before)
        });
    };
    let text = Signal::derive(move || match details.device_count() {
        1 => tr("This device is the only one that is signed in. You'll have to sign in again.")
            .to_owned(),
        count => tr_with(
            "This signs out all {count} devices of your account at once, including this one.",
            &[("count", &count.to_string())],
        ),
    });
    let ask = move |_| {
        submission.reset();
        asks.set(true);
    };
    view! {
        <button type="button" class="button quiet" on:click=ask>
            {tr("Sign out everywhere")}
        </button>
        <ConfirmDialog
            open=asks
            submission
            title=tr("Sign out everywhere?")
            text
            label=tr("Sign out all devices")
            pending_label=tr("Signing out…")
            on_confirm=sign_out
        />
    }
}

/// Signs out every device but this one, after a question.
#[component]
pub(super) fn SignOutOthers(details: Details) -> impl IntoView {
    let dialog = DialogState::default();
    let others = Memo::new(move |_| details.device_count().saturating_sub(1));
    let text = Signal::derive(move || match others.get() {
        0 | 1 => tr("This signs out the other device. This one stays signed in.").to_owned(),
        count => tr_with(
            "This signs out {count} other devices. This one stays signed in.",
            &[("count", &count.to_string())],
        ),
    });
    let sign_out = move |()| {
        dialog.submit(async move {
            let count = revoke_others(details).await?;
            focus_soon("h1");
            Ok(match count {
                1 => tr("The other device is signed out.").to_owned(),
                count => tr_with(
                    "{count} other devices are signed out.",
                    &[("count", &count.to_string())],
                ),
            })
        });
    };
    view! {
        <Notice text=dialog.notice />
        {move || {
            (others.get() > 0)
                .then(|| {
                    view! {
                        <button type="button" class="button quiet" on:click=move |_| dialog.open()>
                            {tr("Sign out all others")}
                        </button>
                    }
                })
        }}
        <ConfirmDialog
            open=dialog.is_open
            submission=dialog.submission
            title=tr("Sign out all others?")
            text
            label=tr("Sign out others")
            pending_label=tr("Signing out…")
            on_confirm=sign_out
        />
    }
}

/// Signs out every device but this one, one after another, and returns their number.
///
/// # Errors
/// Stops at the first error, and says how many devices were signed out before.
async fn revoke_others(details: Details) -> Result<usize, ApiError> {
    let sessions = details.sessions.get_untracked();
    let others: Vec<_> = sessions.into_iter().filter(|one| !one.current).collect();
    let all = others.len();
    for (done, session) in others.into_iter().enumerate() {
        if let Err(error) = revoke(&session.id).await {
            return Err(match error.code() {
                Some(code) if done > 0 => ApiError::detail(
                    code,
                    tr_with(
                        "{done} of {all} devices were signed out. {error}",
                        &[
                            ("done", &done.to_string()),
                            ("all", &all.to_string()),
                            ("error", &error.to_string()),
                        ],
                    ),
                ),
                _ => error,
            });
        }
        details.remove_session(&session.id);
    }
    details.reload_sessions();
    Ok(all)
}

/// Signs out one device.
///
/// # Errors
/// Returns the errors of [`user::revoke`], except for a session that does not exist any more, which is
/// signed out, too.
pub(super) async fn revoke(id: &str) -> Result<(), ApiError> {
    match user::revoke(id.into()).await {
        Err(error) if error.code() == Some(Code::NotFound) => Ok(()),
        Err(error) => {
            if error.status() == StatusCode::UNAUTHORIZED {
                session::explain_end(EndReason::OthersRemain);
            }
            Err(error)
        }
        Ok(()) => Ok(()),
    }
}
