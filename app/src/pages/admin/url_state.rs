//! The filters of a list, which are in the page's address: so they survive a reload, the browser's "back"
//! restores them, and a link shares them.

use std::fmt::Write;

use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_location, use_navigate},
    location::Url,
};

use crate::api::Text;

/// How long typing must pause before the list is loaded, in milliseconds.
const PAUSE: u32 = 250;

/// Parameters of the page's address.
#[derive(Clone, Copy)]
pub(super) struct UrlState {
    /// The values, in the order of the names. An absent one is empty.
    values: Memo<Vec<String>>,
    /// Puts other values into the address.
    change: Callback<Vec<String>>,
    /// How often a text was typed.
    typed: StoredValue<u32>,
}

impl UrlState {
    /// Follows these parameters of the page at this path.
    pub fn new(path: &'static str, names: &'static [&'static str]) -> Self {
        let query = use_location().query;
        let values = Memo::new(move |_| {
            query.with(|query| {
                let value = |name: &&str| query.get_str(name).unwrap_or_default().to_owned();
                names.iter().map(value).collect()
            })
        });
        let navigate = use_navigate();
        let change = Callback::new(move |values: Vec<String>| {
            let mut target = path.to_owned();
            let given = names
                .iter()
                .zip(&values)
                .filter(|(_, value)| !value.is_empty());
            for (number, (name, value)) in given.enumerate() {
                let separator = if number == 0 { '?' } else { '&' };
                // Writing into a string can't fail.
                let _ = write!(target, "{separator}{name}={}", Url::escape(value));
            }
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..Default::default()
            };
            navigate(&target, options);
        });
        Self {
            values,
            change,
            typed: StoredValue::new(0),
        }
    }

    /// Tracks all parameters.
    pub fn track(self) {
        self.values.track();
    }

    /// Returns a parameter. Reactive.
    pub fn get(self, index: usize) -> String {
        // The page may have been left.
        let value = self
            .values
            .try_with(|values| values.get(index).cloned().unwrap_or_default());
        value.unwrap_or_default()
    }

    /// Returns a parameter as a field of a request.
    pub fn field(self, index: usize) -> Text {
        untrack(|| self.get(index)).into()
    }

    /// Returns whether any parameter is set. Reactive.
    pub fn is_filtered(self) -> bool {
        self.values
            .with(|values| values.iter().any(|value| !value.is_empty()))
    }

    /// Sets a parameter.
    pub fn set(self, index: usize, value: String) {
        // The page may have been left.
        let Some(mut values) = self.values.try_get_untracked() else {
            return;
        };
        if let Some(current) = values.get_mut(index).filter(|current| **current != value) {
            *current = value;
            self.change.run(values);
        }
    }

    /// Sets a parameter when typing pauses.
    pub fn set_later(self, index: usize, value: String) {
        let number = self.typed.get_value().wrapping_add(1);
        self.typed.set_value(number);
        spawn_local(async move {
            TimeoutFuture::new(PAUSE).await;
            if self.typed.try_get_value() == Some(number) {
                self.set(index, value);
            }
        });
    }

    /// Clears all parameters.
    pub fn clear(self) {
        let count = self.values.with_untracked(Vec::len);
        self.change.run(vec![String::new(); count]);
    }
}
