//! How many recovery codes are left, and whether it is time for new ones.

use languages::{tr, tr_later, tr_with};
use leptos::prelude::*;

use crate::components::IntoAnySync;

use super::flow::Flow;
use crate::{
    api::recovery::CodesLeft,
    components::{Message, Status, local_date},
};

/// The number of new recovery codes.
const TOTAL: i64 = 10;

/// With this many codes left, the page asks for new ones.
const FEW: i64 = 3;

const UNSAVED: &str = tr_later(
    "You haven't saved your recovery codes. Without them you can't sign in if you \
     lose your phone: create new ones.",
);
const NONE_LEFT: &str = tr_later(
    "You have no recovery codes left. Without them you can't sign in if you lose \
     your phone: create new ones.",
);

/// Says how many recovery codes are left, and since when, with a warning if they are few or were not saved.
#[component]
pub(super) fn RecoveryCodesLeft(flow: Flow) -> impl IntoView {
    if flow.codes.with_untracked(Option::is_none) {
        flow.load_codes();
    }
    let warning = move || {
        // While the codes are shown, they are not saved yet.
        if flow.has_unsaved_codes.get() && !flow.dialog.is_open.get() {
            return Some(tr(UNSAVED).to_owned());
        }
        flow.codes
            .with(|codes| warning(codes.as_ref()?.as_ref().ok()?))
    };
    view! {
        <p class="codes-left">
            {move || {
                flow.codes
                    .with(|codes| match codes {
                        None => {
                            view! {
                                <span class="skeleton" aria-hidden="true">
                                    "10 of 10 recovery codes left"
                                </span>
                            }
                                .into_any_sync()
                        }
                        // The section is useful without the number.
                        Some(Err(_)) => ().into_any_sync(),
                        Some(Ok(codes)) => view! { <span>{describe(codes)}</span> }.into_any_sync(),
                    })
            }}
        </p>
        {move || warning().map(|text| view! { <Message status=Status::Warning text /> })}
    }
}

fn describe(codes: &CodesLeft) -> String {
    let left = tr_with(
        "{left} of {total} recovery codes left",
        &[
            ("left", &codes.left.to_string()),
            ("total", &TOTAL.to_string()),
        ],
    );
    match &codes.created_at {
        Some(time) => {
            let created = tr_with("created on {date}", &[("date", &local_date(time))]);
            format!("{left} · {created}")
        }
        None => left,
    }
}

fn warning(codes: &CodesLeft) -> Option<String> {
    match codes.left {
        0 => Some(tr(NONE_LEFT).to_owned()),
        1 => Some(
            tr("Only 1 recovery code is left. Create new ones before you need them.").to_owned(),
        ),
        left @ ..=FEW => Some(tr_with(
            "Only {left} recovery codes are left. Create new ones before you need them.",
            &[("left", &left.to_string())],
        )),
        _ => None,
    }
}
