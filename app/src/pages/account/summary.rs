//! The section at the top of the overview: what is secure, and what to do next.

use languages::{tr, tr_count};
use leptos::prelude::*;

use crate::components::IntoAnySync;

use super::{clock::clock, details::Details, unverified::ResendLink};
use crate::{
    account_pages::AccountPage,
    browser::unsaved_codes,
    components::{Icon, IconName, RelativeTime, Status},
};

/// What is secure, and what to do next.
#[component]
pub(super) fn SecuritySummary(details: Details) -> impl IntoView {
    let has_unsaved_codes = unsaved_codes::has(&details.profile.read_untracked().id);
    let steps = Memo::new(move |_| {
        let open = [
            !details.is_verified(),
            !details.has_second_factor(),
            details.has_second_factor() && has_unsaved_codes,
        ];
        open.into_iter().filter(|is_open| *is_open).count()
    });
    view! {
        <section class="section summary" aria-labelledby="summary">
            {move || view! { <Verdict steps=steps.get() /> }}
            <ul class="rows" role="list">
                <EmailItem details />
                <SecondFactorItem details has_unsaved_codes />
                <DevicesItem details />
                <LastSignInItem details />
            </ul>
        </section>
    }
}

/// The heading: whether all is done.
#[component]
fn Verdict(
    /// The number of things to do.
    steps: usize,
) -> impl IntoView {
    let (class, icon, text) = match steps {
        0 => (
            "verdict success",
            IconName::Security,
            tr("Your account is secure").to_owned(),
        ),
        steps => (
            "verdict warning",
            IconName::Warning,
            tr_count(
                steps,
                "{count} step left to secure your account",
                "{count} steps left to secure your account",
            ),
        ),
    };
    view! {
        <h2 id="summary" class=class>
            <Icon name=icon />
            <span>{text}</span>
        </h2>
    }
}

/// Whether the email address is verified.
#[component]
fn EmailItem(details: Details) -> impl IntoView {
    move || {
        if details.is_verified() {
            return view! { <Item status=Status::Success title=tr("Email confirmed") /> }
                .into_any_sync();
        }
        view! {
            <Item
                status=Status::Warning
                title=tr("Email not confirmed")
                text=tr("Open the link in the email that we sent you.").into_any_sync()
                action=view! { <ResendLink details /> }.into_any_sync()
            />
        }
        .into_any_sync()
    }
}

/// Whether signing in requires a second factor.
#[component]
fn SecondFactorItem(
    details: Details,
    /// Whether the newest recovery codes were not saved.
    has_unsaved_codes: bool,
) -> impl IntoView {
    let link = |label: &'static str| {
        view! {
            <a class="button quiet" href=AccountPage::Security.path()>
                {label}
            </a>
        }
        .into_any_sync()
    };
    move || {
        match (details.has_second_factor(), details.is_verified()) {
        (true, _) if has_unsaved_codes => view! {
            <Item
                status=Status::Warning
                title=tr("Recovery codes not saved")
                text=tr("Without them you can't sign in if you lose your phone.").into_any_sync()
                action=link(tr("Create new codes"))
            />
        }
        .into_any_sync(),
        (true, _) => view! { <Item status=Status::Success title=tr("Two-factor authentication on") /> }
            .into_any_sync(),
        (false, true) => view! {
            <Item
                status=Status::Warning
                title=tr("Two-factor authentication off")
                text=tr("With a second step at sign-in, a stolen password is not enough.").into_any_sync()
                action=link(tr("Turn on"))
            />
        }
        .into_any_sync(),
        (false, false) => view! {
            <Item
                status=Status::Warning
                title=tr("Two-factor authentication off")
                text=tr("You can turn it on once your email address is confirmed.").into_any_sync()
            />
        }
        .into_any_sync(),
    }
    }
}

/// The number of signed-in devices.
#[component]
fn DevicesItem(details: Details) -> impl IntoView {
    let text = move || {
        tr_count(
            details.device_count(),
            "{count} device signed in",
            "{count} devices signed in",
        )
    };
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=IconName::Computer />
            </span>
            <div class="row-text">
                <p class="row-title">{move || view! { <span>{text()}</span> }}</p>
            </div>
        </li>
    }
}

/// When the user last signed in.
#[component]
fn LastSignInItem(details: Details) -> impl IntoView {
    let now = clock();
    move || {
        let time = details.profile.with(|profile| profile.last_login.clone())?;
        Some(view! {
            <li class="row">
                <span class="row-icon">
                    <Icon name=IconName::History />
                </span>
                <div class="row-text">
                    <p class="row-title">
                        <span>{tr("Last sign-in")} " " <RelativeTime time now /></span>
                    </p>
                </div>
            </li>
        })
    }
}

/// Something that is secure or not.
#[component]
fn Item(
    /// Whether it is secure.
    status: Status,
    /// What it is.
    title: &'static str,
    /// The explanation.
    #[prop(optional)]
    text: Option<AnyView>,
    /// The next step.
    #[prop(optional)]
    action: Option<AnyView>,
) -> impl IntoView {
    let class = match status {
        Status::Success => "row success",
        Status::Warning => "row warning",
        Status::Error => "row error",
    };
    view! {
        <li class=class>
            <span class="row-icon">
                <Icon name=status.icon() />
            </span>
            <div class="row-text">
                <p class="row-title">{title}</p>
                {text.map(|text| view! { <p class="row-facts">{text}</p> })}
            </div>
            {action.map(|action| view! { <div class="row-action">{action}</div> })}
        </li>
    }
}
