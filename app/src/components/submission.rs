//! The state of a request that the user has started.

use std::{future::Future, pin::Pin};

use leptos::{prelude::*, task::spawn_local};

use super::focus::focus_soon;
use crate::api::{ApiError, Code};

/// A request, boxed so that what takes one is compiled once and not for each.
pub type Request = Pin<Box<dyn Future<Output = Result<(), ApiError>>>>;

/// A request that the user has started: whether it is running, and how it failed.
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
    /// Starts the request, unless one is running.
    pub fn start(self, request: impl Future<Output = Result<(), ApiError>> + 'static) {
        if self.running.get_untracked() {
            return;
        }
        self.running.set(true);
        self.error.set(None);
        self.run(Box::pin(request));
    }

    fn run(self, request: Request) {
        spawn_local(async move {
            let result = request.await;
            // The page may have been left, and its signals disposed.
            self.running.try_set(false);
            if let Err(error) = result {
                self.error.try_set(Some(error));
                focus_soon("[aria-invalid=true]");
            }
        });
    }

    /// Clears an earlier error.
    pub fn reset(self) {
        self.error.set(None);
    }

    /// Returns whether the request is running. Reactive.
    #[must_use]
    pub fn is_running(self) -> bool {
        self.running.get()
    }

    /// Returns the error message of a field. Reactive.
    #[must_use]
    pub fn field_message(self, name: &str) -> Option<String> {
        self.error.with(|error| match error {
            Some(ApiError::Fields(fields)) => fields.get(name).map(|messages| messages.join(" ")),
            _ => None,
        })
    }

    /// Returns the code of an error that concerns no single field. Reactive.
    #[must_use]
    pub fn code(self) -> Option<Code> {
        self.error.with(|error| error.as_ref()?.code())
    }

    /// Returns the message of an error that concerns no single field. Reactive.
    #[must_use]
    pub fn message(self) -> Option<String> {
        self.error.with(|error| match error {
            Some(ApiError::Detail { detail, .. }) => Some(detail.to_string()),
            _ => None,
        })
    }
}
