//! The dialog that asks before an action, and names its consequences.

use languages::tr;
use leptos::{ev, prelude::*};

use super::console::{Action, Console, clear_notice, notify};
use crate::{
    api::{ApiError, Code},
    components::{Alert, Button, DIALOG_TITLE, Dialog, IntoAnySync, Submission},
};

/// What the dialog asks.
#[derive(Clone)]
pub(super) struct Question {
    /// The heading.
    pub title: String,
    /// What will happen.
    pub text: Vec<String>,
    /// Whom it concerns, if they are several.
    pub names: Vec<String>,
    /// The label of the button that does it.
    pub label: &'static str,
    /// Its label while the request runs.
    pub pending_label: &'static str,
    /// Its style: `primary` or `danger`.
    pub style: &'static str,
    /// The path of the page that says what has happened.
    pub path: String,
    /// Sends the request, and returns what has happened.
    pub request: Action<String>,
}

/// The dialog, and what it asks.
#[derive(Clone, Copy)]
pub(super) struct Asking {
    is_open: RwSignal<bool>,
    submission: Submission,
    question: RwSignal<Option<Question>>,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            is_open: RwSignal::new(false),
            submission: Submission::default(),
            question: RwSignal::new(None),
        }
    }
}

impl Asking {
    /// Asks a question.
    pub fn ask(self, question: Question) {
        clear_notice("");
        self.submission.reset();
        self.question.set(Some(question));
        self.is_open.set(true);
    }
}

/// The dialog that asks before an action.
#[component]
pub(super) fn QuestionDialog(console: Console) -> impl IntoView {
    let Asking {
        is_open,
        submission,
        question,
    } = console.asking;
    view! {
        <Dialog open=is_open locked=Signal::derive(move || submission.is_running())>
            {move || {
                question.get().map(|question| view! { <Content console question /> }.into_any_sync())
            }}
        </Dialog>
    }
}

#[component]
fn Content(console: Console, question: Question) -> impl IntoView {
    let Asking {
        is_open,
        submission,
        ..
    } = console.asking;
    let Question {
        title,
        text,
        names,
        label,
        pending_label,
        style,
        path,
        request,
    } = question;
    let send = move |event: ev::SubmitEvent| {
        event.prevent_default();
        let (path, request) = (path.clone(), request.clone());
        submission.start(async move {
            let response = console.send(move || request()).await;
            let notice = response.map_err(without_fields)?;
            is_open.try_set(false);
            notify(&path, notice);
            Ok(())
        });
    };
    let cancel = move |_| {
        if !untrack(|| submission.is_running()) {
            is_open.set(false);
        }
    };
    let lines = text
        .into_iter()
        .map(|line| view! { <p class="dialog-lead">{line}</p> });
    let names = (!names.is_empty()).then(|| {
        let names = names.into_iter().map(|name| view! { <li>{name}</li> });
        view! { <ul class="names" translate="no">{names.collect_view()}</ul> }
    });
    view! {
        <form method="post" novalidate on:submit=send>
            <h2 id=DIALOG_TITLE>{title}</h2>
            <Alert submission />
            {lines.collect_view()}
            {names}
            <div class="actions">
                <button type="button" class="button quiet" on:click=cancel>
                    {tr("Cancel")}
                </button>
                <Button submission kind="submit" style label pending_label />
            </div>
        </form>
    }
}

/// Makes one message of messages for fields that the dialog does not have.
fn without_fields(error: ApiError) -> ApiError {
    match error {
        ApiError::Fields(_) => ApiError::detail(Code::MalformedRequest, error.to_string()),
        ApiError::Detail { .. } => error,
    }
}
