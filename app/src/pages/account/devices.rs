//! The section "Devices".

use http::StatusCode;
use leptos::prelude::*;

use super::clock::clock;
use crate::{
    api::{
        Code,
        user::{self, Session},
    },
    browser::{EndReason, session},
    components::{Alert, Button, RelativeTime, Submission, focus_soon},
};

/// The text below the section's heading.
pub(super) const LEAD: &str = "Every device that is signed in to your account, newest first.";

/// Lists the signed-in devices, with a button to sign out each other device.
#[component]
pub(super) fn Devices(
    /// The devices, newest first.
    sessions: RwSignal<Vec<Session>>,
) -> impl IntoView {
    let now = clock();
    view! {
        <section class="section" aria-labelledby="devices">
            <h2 id="devices" tabindex="-1">"Devices"</h2>
            <p class="section-lead">{LEAD}</p>
            <ul class="devices" role="list">
                {move || {
                    sessions
                        .get()
                        .into_iter()
                        .map(|session| view! { <Device session now /> })
                        .collect_view()
                }}
            </ul>
        </section>
    }
}

#[component]
fn Device(session: Session, now: Signal<u64>) -> impl IntoView {
    let Session {
        id,
        created_at,
        last_used_at,
        ip,
        device: name,
        current,
        ..
    } = session;
    let submission = Submission::default();
    let is_gone = RwSignal::new(false);
    let subject = format!("{name}, {ip}");
    let sign_out = move || {
        let id = id.clone();
        submission.start(async move {
            match user::revoke(id.as_str().into()).await {
                // A session that does not exist any more is signed out, too.
                Err(error) if error.code() != Some(Code::NotFound) => {
                    if error.status() == StatusCode::UNAUTHORIZED {
                        session::explain_end(EndReason::OthersRemain);
                    }
                    Err(error)
                }
                _ => {
                    is_gone.try_set(true);
                    focus_soon("#devices");
                    Ok(())
                }
            }
        });
    };
    view! {
        <li class="device" hidden=is_gone>
            <div class="device-text">
                <p class="device-name">
                    {name} {current.then(|| view! { <span class="badge">"This device"</span> })}
                </p>
                <p class="device-facts">
                    <span class="address">{ip}</span>
                    <span>"Signed in " <RelativeTime time=created_at now /></span>
                    <span>"Last used " <RelativeTime time=last_used_at now /></span>
                </p>
            </div>
            {(!current)
                .then(move || {
                    view! {
                        <Button
                            submission
                            style="quiet"
                            label="Sign out"
                            pending_label="Signing out…"
                            subject
                            on_press=move |()| sign_out()
                        />
                        <Alert submission />
                    }
                })}
        </li>
    }
}
