//! A button that sends an email again, at most once in two minutes.

use std::future::Future;

use gloo_timers::future::TimeoutFuture;
use languages::{tr, tr_with};
use leptos::{prelude::*, task::spawn_local};

use super::{alert::Alert, live_text::LiveText, submission::Submission};
use crate::{api::ApiError, browser::session::now, hydration::is_hydrated};

/// The pause before another email can be requested, in milliseconds: the server sends one in this time.
const PAUSE: u64 = 120_000;

/// A request to email a link again, and the pause before the next one.
#[derive(Clone, Copy)]
pub struct Resend {
    submission: Submission,
    is_sent: RwSignal<bool>,
    seconds_left: RwSignal<u64>,
}

impl Default for Resend {
    fn default() -> Self {
        Self {
            submission: Submission::default(),
            is_sent: RwSignal::new(false),
            seconds_left: RwSignal::new(0),
        }
    }
}

impl Resend {
    /// The pause after an email that was just sent by another request.
    #[must_use]
    pub fn after_another() -> Self {
        let resend = Self::default();
        spawn_local(resend.count_down());
        resend
    }

    /// Starts the request, unless one is running or was sent just before.
    pub fn start(self, request: impl Future<Output = Result<(), ApiError>> + 'static) {
        if self.seconds_left.get_untracked() > 0 {
            return;
        }
        self.is_sent.set(false);
        self.submission.start(async move {
            request.await?;
            self.is_sent.try_set(true);
            spawn_local(self.count_down());
            Ok(())
        });
    }

    /// Returns the request, for the fields of its form.
    #[must_use]
    pub fn submission(self) -> Submission {
        self.submission
    }

    async fn count_down(self) {
        let end = now() + PAUSE;
        loop {
            // By the clock, because timers stop while the device sleeps.
            let seconds_left = end.saturating_sub(now()).div_ceil(1000);
            // The page may have been left.
            let is_gone = self.seconds_left.try_set(seconds_left).is_some();
            if is_gone || seconds_left == 0 {
                return;
            }
            TimeoutFuture::new(1000).await;
        }
    }
}

/// A button that requests another email with a link, and then counts down the pause.
#[component]
pub fn ResendButton(
    /// The request.
    resend: Resend,
    /// The label.
    #[prop(default = tr("Send again"))]
    label: &'static str,
    /// The button's `type`: `submit` in forms.
    #[prop(default = "button")]
    kind: &'static str,
    /// Starts the request. A form's submit button leaves it to the form.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
) -> impl IntoView {
    let Resend {
        submission,
        is_sent,
        seconds_left,
    } = resend;
    let text = Signal::derive(move || match seconds_left.get() {
        0 if submission.is_running() => tr("Sending…").to_owned(),
        0 => label.to_owned(),
        seconds => tr_with(
            "Send again in {seconds} s",
            &[("seconds", &seconds.to_string())],
        ),
    });
    let is_disabled = move || submission.is_running() || seconds_left.get() > 0;
    view! {
        <div class="resend">
            <Alert submission />
            // Unlike `disabled`, `aria-disabled` keeps the focus.
            <button
                type=kind
                class="button quiet"
                disabled=move || !is_hydrated()
                aria-disabled=move || is_disabled().then_some("true")
                on:click=move |_| {
                    if let Some(on_press) = on_press {
                        on_press.run(());
                    }
                }
            >
                <LiveText text />
            </button>
            <p class="action-status" role="status">
                {move || {
                    is_sent
                        .get()
                        .then(|| view! { <span>{tr("Sent. Check your inbox and spam folder.")}</span> })
                }}
            </p>
        </div>
    }
}
