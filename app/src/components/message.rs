//! A message in the page, with its kind as color and icon.

use leptos::prelude::*;

use super::icon::{Icon, IconName};

/// What kind of message it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something was done.
    Success,
    /// Something needs attention.
    Warning,
    /// Something failed.
    Error,
}

impl Status {
    /// Returns the icon.
    #[must_use]
    pub const fn icon(self) -> IconName {
        match self {
            Self::Success => IconName::Success,
            Self::Warning => IconName::Warning,
            Self::Error => IconName::Error,
        }
    }

    /// Returns the class names of the message.
    const fn class(self) -> &'static str {
        match self {
            Self::Success => "message success",
            Self::Warning => "message warning",
            Self::Error => "message error",
        }
    }
}

/// A message in the page. [`Alert`](super::Alert) and [`Notice`](super::Notice) announce theirs.
#[component]
pub fn Message(
    /// What kind of message it is.
    status: Status,
    /// The message.
    #[prop(into)]
    text: String,
) -> impl IntoView {
    view! {
        <p class=status.class()>
            <Icon name=status.icon() />
            <span>{text}</span>
        </p>
    }
}
