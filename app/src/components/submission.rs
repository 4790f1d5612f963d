use std::{future::Future, pin::Pin};

use leptos::{prelude::*, task::spawn_local};

use super::focus_soon;
use crate::api::{ApiError, Code};

/// A request that a person has asked for: whether it runs, and how it failed.
#[derive(Clone, Copy)]
pub struct Submission {
    running: RwSignal<bool>,
    error: RwSignal<Option<ApiError>>,
}

impl Default for Submission {
    fn default() -> Self {
        Self {
            running: RwSignal::new(false),
            error: RwSignal::new(None),
        }
    }
}

impl Submission {
    /// Starts the request, unless one runs already.
    pub fn start(self, request: impl Future<Output = Result<(), ApiError>> + 'static) {
        if self.running.get_untracked() {
            return;
        }
        self.running.set(true);
        self.error.set(None);
        self.run(Box::pin(request));
    }

    /// One function for all requests keeps the WebAssembly small.
    fn run(self, request: Pin<Box<dyn Future<Output = Result<(), ApiError>>>>) {
        spawn_local(async move {
            let result = request.await;
            // The page may be gone by now, and the signals with it.
            self.running.try_set(false);
            if let Err(error) = result {
                self.error.try_set(Some(error));
                focus_soon("[aria-invalid=true]");
            }
        });
    }

    /// Forgets an earlier failure.
    pub fn reset(self) {
        self.error.set(None);
    }

    /// Whether the request runs.
    #[must_use]
    pub fn is_running(self) -> bool {
        self.running.get()
    }

    /// What is wrong with a field.
    #[must_use]
    pub fn field_message(self, name: &str) -> Option<String> {
        self.error.with(|error| match error {
            Some(ApiError::Fields(fields)) => fields.get(name).map(|messages| messages.join(" ")),
            _ => None,
        })
    }

    /// The code with which the request failed as a whole.
    #[must_use]
    pub fn code(self) -> Option<Code> {
        self.error.with(|error| error.as_ref()?.code())
    }

    /// Why the request failed as a whole.
    #[must_use]
    pub fn message(self) -> Option<String> {
        self.error.with(|error| match error {
            Some(ApiError::Detail { detail, .. }) => Some(detail.to_string()),
            _ => None,
        })
    }
}
