//! The field for choosing a password, which says how good it is while it is typed.
//!
//! The server rates the password, with the rules that it will apply, because the list of common passwords
//! is too large for a page. It is asked when typing pauses, and from the shortest length on that it
//! accepts; one request at a time. If it does not respond, the page says nothing: submitting the form
//! will.

use gloo_timers::future::TimeoutFuture;
use languages::{tr, tr_count, tr_later};
use leptos::{html, prelude::*, task::spawn_local};

use super::{
    field::{Field, describe, input_value},
    live_text::LiveText,
    password_field::PasswordInput,
    submission::Submission,
};
use crate::{
    api::user::{PasswordRating, Strength, check_password},
    browser::with_limit,
};

/// The hint for choosing a password.
const HINT: &str = tr_later("8 characters or more. A few random words are easy to remember.");

/// The fewest characters that a password may have.
const MIN_LENGTH: usize = 8;

/// How long typing must pause before the server is asked, in milliseconds.
const PAUSE: u32 = 400;

/// How long the response may take, in milliseconds.
const LIMIT: u32 = 5_000;

/// Asks for a new password.
#[component]
pub fn NewPasswordField(
    /// The form's request.
    submission: Submission,
    /// The input, from which the form reads the password.
    input: NodeRef<html::Input>,
    /// The field's name in the request.
    #[prop(default = "password")]
    name: &'static str,
    /// The label.
    #[prop(default = tr("Password"))]
    label: &'static str,
    /// Returns the account's email address, which the password must not resemble.
    #[prop(into)]
    email: Callback<(), String>,
) -> impl IntoView {
    let feedback = Feedback {
        submission,
        input,
        email,
        length: RwSignal::new(0),
        rating: RwSignal::new(None),
        changes: StoredValue::new(0),
        is_asking: StoredValue::new(false),
    };
    let hint = Signal::derive(move || feedback.hint(submission.field_message(name).is_some()));
    view! {
        <Field submission name label>
            <div on:input=move |_| feedback.look()>
                <PasswordInput
                    submission
                    input
                    name
                    autocomplete="new-password"
                    description=describe(name, Some(HINT))
                />
            </div>
            // The hint says the same in words.
            <p class="strength" data-strength=move || feedback.level() aria-hidden="true">
                <span class="strength-bar"></span>
                <span class="strength-bar"></span>
                <span class="strength-bar"></span>
                <span class="strength-bar"></span>
                <LiveText text=Signal::derive(move || feedback.word()) />
            </p>
            <p class="hint password-hint" id=format!("{name}-hint") aria-live="polite">
                <LiveText text=hint />
            </p>
        </Field>
    }
}

/// What is known about the password that is being typed.
#[derive(Clone, Copy)]
struct Feedback {
    submission: Submission,
    input: NodeRef<html::Input>,
    email: Callback<(), String>,
    /// The number of characters.
    length: RwSignal<usize>,
    /// The server's last response.
    rating: RwSignal<Option<PasswordRating>>,
    /// How often the password has changed.
    changes: StoredValue<u32>,
    /// Whether [`Self::ask`] runs.
    is_asking: StoredValue<bool>,
}

impl Feedback {
    /// Looks at the password after a change.
    fn look(self) {
        let length = input_value(self.input).chars().count();
        self.length.set(length);
        if length < MIN_LENGTH {
            self.rating.set(None);
        }
        self.changes
            .update_value(|changes| *changes = changes.wrapping_add(1));
        if !self.is_asking.get_value() {
            self.is_asking.set_value(true);
            spawn_local(self.ask());
        }
    }

    /// Asks the server whenever typing pauses, until it has rated the newest password.
    async fn ask(self) {
        loop {
            let Some(before) = self.changes.try_get_value() else {
                return;
            };
            TimeoutFuture::new(PAUSE).await;
            // The page may have been left.
            let Some(changes) = self.changes.try_get_value() else {
                return;
            };
            if changes == before && self.rate(changes).await {
                self.is_asking.try_set_value(false);
                return;
            }
        }
    }

    /// Rates the password, and returns whether it is still the same.
    async fn rate(self, changes: u32) -> bool {
        let password = untrack(|| input_value(self.input));
        // Once the form is sent, its response says what is wrong.
        if password.chars().count() < MIN_LENGTH || untrack(|| self.submission.is_running()) {
            return true;
        }
        let request = check_password(password.into(), self.email.run(()).into());
        let response = with_limit(LIMIT, request).await;
        let is_current = self
            .changes
            .try_get_value()
            .is_none_or(|now| now == changes);
        if is_current {
            self.rating.try_set(response.ok());
        }
        is_current
    }

    /// Returns how many bars are filled.
    fn level(self) -> &'static str {
        self.rating.with(
            |rating| match rating.as_ref().map(|rating| rating.strength) {
                None => "0",
                Some(Strength::Weak) => "1",
                Some(Strength::Fair) => "2",
                Some(Strength::Good) => "3",
                Some(Strength::Strong) => "4",
            },
        )
    }

    /// Returns the words beside the bars.
    fn word(self) -> String {
        let strength = self
            .rating
            .with(|rating| rating.as_ref().map(|rating| rating.strength));
        match (self.length.get(), strength) {
            (0, _) => String::new(),
            (length @ 1..MIN_LENGTH, _) => tr_count(
                MIN_LENGTH - length,
                "{count} more character",
                "{count} more characters",
            ),
            (_, None) => String::new(),
            (_, Some(Strength::Weak)) => tr("Weak").to_owned(),
            (_, Some(Strength::Fair)) => tr("Fair").to_owned(),
            (_, Some(Strength::Good)) => tr("Good").to_owned(),
            (_, Some(Strength::Strong)) => tr("Strong").to_owned(),
        }
    }

    /// Returns the hint. An error below it already says which rules are broken.
    fn hint(self, has_error: bool) -> String {
        self.rating.with(|rating| match rating {
            Some(rating) if !rating.messages.is_empty() => {
                if has_error {
                    tr(HINT).to_owned()
                } else {
                    rating.messages.join(" ")
                }
            }
            Some(rating) => match rating.strength {
                Strength::Weak => tr("Weak: easy to guess. Add a few random words."),
                Strength::Fair => tr("Fair. Another word would make it much harder to guess."),
                Strength::Good => tr("Good: hard to guess."),
                Strength::Strong => tr("Strong: very hard to guess."),
            }
            .to_owned(),
            None => tr(HINT).to_owned(),
        })
    }
}
