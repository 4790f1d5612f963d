use std::future::Future;

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use super::{Alert, Submission};
use crate::{Waiting, api::ApiError, browser::session::now};

/// How long to wait before a mail may be asked for again, in milliseconds.
const PAUSE: u64 = 60_000;

/// The request to mail a link again: whether it runs, and how long to wait before the next.
#[derive(Clone, Copy)]
pub struct Resending {
    submission: Submission,
    is_sent: RwSignal<bool>,
    seconds_left: RwSignal<u64>,
}

impl Default for Resending {
    fn default() -> Self {
        Self {
            submission: Submission::default(),
            is_sent: RwSignal::new(false),
            seconds_left: RwSignal::new(0),
        }
    }
}

impl Resending {
    /// Starts the request, unless one runs or has just been made.
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

    /// The request itself, for the fields of its form.
    #[must_use]
    pub fn submission(self) -> Submission {
        self.submission
    }

    async fn count_down(self) {
        let end = now() + PAUSE;
        loop {
            // By the clock: a timer stands still while the device sleeps.
            let seconds_left = end.saturating_sub(now()).div_ceil(1000);
            // The page may be gone by now.
            let is_gone = self.seconds_left.try_set(seconds_left).is_some();
            if is_gone || seconds_left == 0 {
                return;
            }
            TimeoutFuture::new(1000).await;
        }
    }
}

/// A button that has a link mailed again, says so, and then waits a while.
#[component]
pub fn ResendButton(
    /// The request.
    resending: Resending,
    /// What the button does.
    #[prop(default = "Send again")]
    label: &'static str,
    /// `submit` in forms.
    #[prop(default = "button")]
    kind: &'static str,
    /// Starts the request; a form's button leaves this to the form.
    #[prop(optional, into)]
    on_press: Option<Callback<()>>,
) -> impl IntoView {
    let Resending {
        submission,
        is_sent,
        seconds_left,
    } = resending;
    let text = move || match seconds_left.get() {
        0 if submission.is_running() => "Sending…".to_owned(),
        0 => label.to_owned(),
        seconds => format!("Send again in {seconds} s"),
    };
    let is_disabled = move || submission.is_running() || seconds_left.get() > 0;
    view! {
        <div class="resend">
            <Alert submission />
            // `aria-disabled` keeps the focus where it is.
            <button
                type=kind
                class="button quiet"
                disabled=Waiting::get()
                aria-disabled=move || is_disabled().then_some("true")
                on:click=move |_| {
                    if let Some(on_press) = on_press {
                        on_press.run(());
                    }
                }
            >
                {text}
            </button>
            <p class="action-status" role="status">
                {move || is_sent.get().then_some("Sent. Look into your inbox, and at spam.")}
            </p>
        </div>
    }
}
