//! The overview of the account.

use leptos::prelude::*;

use super::{
    activity::RecentActivity, details::Details, devices::DeviceSummary, summary::SecuritySummary,
};

/// What is secure, what to do next, and what has happened.
#[component]
pub(super) fn Overview(details: Details) -> impl IntoView {
    view! {
        <SecuritySummary details />
        <DeviceSummary details />
        <RecentActivity details />
    }
}
