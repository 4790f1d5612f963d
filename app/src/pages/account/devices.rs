//! The signed-in devices.

use languages::{tr, tr_with};
use leptos::prelude::*;

use crate::components::IntoAnySync;

use super::{
    clock::clock,
    details::Details,
    sign_out::{SignOutEverywhere, SignOutOthers, revoke},
};
use crate::{
    account_pages::AccountPage,
    api::user::Session,
    components::{
        Alert, Button, Icon, IconName, LiveText, RelativeTime, Submission, focus_soon, local_date,
        milliseconds, since,
    },
};

/// The number of devices on the overview.
const ON_OVERVIEW: usize = 5;

/// The number of devices that are shown at first on their own page.
const SHOWN_AT_FIRST: usize = 10;

/// How long a device that was just used counts as active, in milliseconds.
const ACTIVE: f64 = 120_000.0;

/// The section "Devices" of the overview.
#[component]
pub(super) fn DeviceSummary(details: Details) -> impl IntoView {
    view! {
        <section class="section" aria-labelledby="devices">
            <h2 id="devices" tabindex="-1">
                {tr("Devices")}
            </h2>
            <DeviceList details limit=Signal::stored(ON_OVERVIEW) heading="#devices" />
            {move || {
                let count = details.device_count();
                (count > ON_OVERVIEW)
                    .then(|| {
                        view! {
                            <p class="more">
                                <a href=AccountPage::Devices.path()>
                                    {tr_with("View all {count} devices", &[("count", &count.to_string())])}
                                </a>
                            </p>
                        }
                    })
            }}
            <div class="actions section-foot">
                <SignOutEverywhere details />
            </div>
        </section>
    }
}

/// The page of the devices.
#[component]
pub(super) fn AllDevices(details: Details) -> impl IntoView {
    let shows_all = RwSignal::new(false);
    let limit = Signal::derive(move || {
        if shows_all.get() {
            usize::MAX
        } else {
            SHOWN_AT_FIRST
        }
    });
    let has_more = Memo::new(move |_| details.device_count() > SHOWN_AT_FIRST);
    view! {
        <section class="section" aria-label=tr("Devices")>
            <DeviceList details limit heading="h1" />
            {move || has_more.get().then(|| view! { <ShowMore shows_all /> })}
            <div class="actions section-foot">
                <SignOutOthers details />
                <SignOutEverywhere details />
            </div>
        </section>
    }
}

/// A button that shows all, and then fewer again. It stays, so that it keeps the focus.
#[component]
fn ShowMore(
    /// Whether all are shown.
    shows_all: RwSignal<bool>,
) -> impl IntoView {
    let label = move || {
        let label = if shows_all.get() {
            tr("Show less")
        } else {
            tr("Show more")
        };
        label.to_owned()
    };
    view! {
        <p class="more">
            <button
                type="button"
                class="button quiet"
                on:click=move |_| shows_all.update(|all| *all = !*all)
            >
                <LiveText text=Signal::derive(label) />
            </button>
        </p>
    }
}

/// Lists the signed-in devices, with a button to sign out each other device.
#[component]
fn DeviceList(
    details: Details,
    /// The largest number of devices.
    limit: Signal<usize>,
    /// What has the focus after a device was signed out.
    heading: &'static str,
) -> impl IntoView {
    let now = clock();
    let shown = move || {
        let limit = limit.get();
        let sessions = details.sessions.get();
        sessions.into_iter().take(limit).collect::<Vec<_>>()
    };
    // A device that has not changed is not rendered again, so that its button keeps the focus.
    let key = |session: &Session| {
        format!(
            "{} {} {} {:?}",
            session.id, session.last_used_at, session.ip, session.trusted_until
        )
    };
    view! {
        <ul class="rows" role="list">
            <For each=shown key let:session>
                <Device session now details heading />
            </For>
        </ul>
    }
}

#[component]
fn Device(
    session: Session,
    now: Signal<u64>,
    details: Details,
    heading: &'static str,
) -> impl IntoView {
    let Session {
        id,
        created_at,
        last_used_at,
        ip,
        device: name,
        current,
        trusted_until,
        ..
    } = session;
    let trust = trusted_until.map(|until| {
        tr_with(
            "No code needed until {date}",
            &[("date", &local_date(&until))],
        )
    });
    let subject = format!("{name}, {ip}");
    view! {
        <li class="row" class:current=current>
            <span class="row-icon">
                <Icon name=device_icon(&name) />
            </span>
            <div class="row-text">
                <p class="row-title">
                    <span>{name}</span>
                    {current.then(|| view! { <span class="badge">{tr("This device")}</span> })}
                </p>
                <p class="row-facts">
                    <span class="address">{ip}</span>
                    <LastActive time=last_used_at current now />
                    <span>{tr("Signed in")} " " <RelativeTime time=created_at now /></span>
                    {trust.map(|trust| view! { <span>{trust}</span> })}
                </p>
            </div>
            {(!current).then(|| view! { <SignOutDevice id subject details heading /> })}
        </li>
    }
}

/// When a device was last active. A device shows that when it renews its tokens.
#[component]
fn LastActive(
    /// When it last renewed its tokens.
    time: String,
    /// Whether it is this device.
    current: bool,
    now: Signal<u64>,
) -> impl IntoView {
    let used_at = milliseconds(&time);
    let is_active = Memo::new(move |_| current || since(used_at, now.get()) < ACTIVE);
    move || {
        if is_active.get() {
            view! { <span class="active">{tr("Active now")}</span> }.into_any_sync()
        } else {
            let time = time.clone();
            view! { <span>{tr("Last active")} " " <RelativeTime time now /></span> }.into_any_sync()
        }
    }
}

#[component]
fn SignOutDevice(
    /// The session's id.
    id: String,
    /// The device, for screen readers.
    subject: String,
    details: Details,
    heading: &'static str,
) -> impl IntoView {
    let submission = Submission::default();
    let sign_out = move |()| {
        let id = id.clone();
        submission.start(async move {
            revoke(&id).await?;
            details.remove_session(&id);
            focus_soon(heading);
            Ok(())
        });
    };
    view! {
        <Button
            submission
            style="quiet"
            label=tr("Sign out")
            pending_label=tr("Signing out…")
            subject
            on_press=sign_out
        />
        <Alert submission />
    }
}

/// The systems of computers, as a device's name ends: `Firefox on Windows`. The word before depends on
/// the language.
const COMPUTERS: [&str; 7] = [
    " Windows",
    " Mac",
    " Linux",
    " ChromeOS",
    " BSD",
    " FreeBSD",
    " OpenBSD",
];

/// Returns the icon of a device by the name that the server has given it, in any language.
pub(in crate::pages) fn device_icon(name: &str) -> IconName {
    let is_on = |systems: &[&str]| systems.iter().any(|system| name.contains(system));
    if is_on(&["iPad"]) {
        IconName::Tablet
    } else if is_on(&["iPhone", "Android", "iPod", "Windows Phone", "Mobile"]) {
        IconName::Phone
    } else if COMPUTERS.iter().any(|system| name.ends_with(system)) {
        IconName::Computer
    } else {
        IconName::Program
    }
}

#[cfg(test)]
mod tests {
    use super::{IconName, device_icon};

    #[test]
    fn devices_have_icons() {
        for (name, icon) in [
            ("Firefox on Windows", IconName::Computer),
            ("Firefox auf Mac", IconName::Computer),
            ("Chrome sur ChromeOS", IconName::Computer),
            ("Chrome on Windows Phone", IconName::Phone),
            ("Chrome on Android", IconName::Phone),
            ("Safari on iPhone", IconName::Phone),
            ("Safari on iPad", IconName::Tablet),
            ("curl", IconName::Program),
            ("Linux", IconName::Program),
            ("Unknown device", IconName::Program),
            ("Unbekanntes Gerät", IconName::Program),
        ] {
            assert_eq!(device_icon(name), icon, "{name}");
        }
    }
}
