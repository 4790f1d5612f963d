//! The page of the profile.

use languages::tr;
use leptos::{ev, html, prelude::*};
use serde_json::Value;

use super::details::Details;
use crate::{
    account_pages::AccountPage,
    api::user,
    components::{
        Alert, Button, IconName, IntoAnySync, Notice, Submission, TextField, download, input_value,
        local_date, pretty_json, today,
    },
};

/// The name, what administrators have set, and a copy of the user's data.
#[component]
pub(super) fn ProfilePage(details: Details) -> impl IntoView {
    view! {
        <NameSection details />
        <Facts details />
        <DataSection />
    }
}

/// The name, which the user can change.
#[component]
fn NameSection(details: Details) -> impl IntoView {
    let submission = Submission::default();
    let notice = RwSignal::new(None);
    let input = NodeRef::<html::Input>::new();
    let save = move |event: ev::SubmitEvent| {
        event.prevent_default();
        notice.set(None);
        let name = input_value(input);
        submission.start(async move {
            let profile = user::update(name.into(), Value::Null).await?;
            if let Some(Some(input)) = input.try_get_untracked() {
                // As the server has stored it, without spaces around it.
                input.set_value(&profile.name);
            }
            details.profile.try_set(profile);
            notice.try_set(Some(tr("Your name has been saved.").to_owned()));
            Ok(())
        });
    };
    let name = details
        .profile
        .with_untracked(|profile| profile.name.clone());
    view! {
        <section class="section" aria-labelledby="name-title">
            <h2 id="name-title">{tr("Name")}</h2>
            <p class="section-lead">{tr("How apps that you use with this account may greet you.")}</p>
            <form class="narrow" method="post" novalidate on:submit=save>
                <Notice text=notice />
                <Alert submission />
                <TextField
                    submission
                    input
                    name="name"
                    label=tr("Your name")
                    value=name
                    autocomplete="name"
                />
                <div class="actions">
                    <Button submission kind="submit" label=tr("Save") pending_label=tr("Saving…") />
                </div>
            </form>
        </section>
    }
}

/// What the user can't change here.
#[component]
fn Facts(details: Details) -> impl IntoView {
    let (id, created, is_admin) = details.profile.with_untracked(|profile| {
        let created = local_date(&profile.date_joined);
        (profile.id.clone(), created, profile.is_admin)
    });
    let roles = move || {
        let roles = details.profile.with(|profile| profile.roles.clone());
        (!roles.is_empty()).then(|| {
            view! {
                <dt>{tr("Roles")}</dt>
                <dd class="badges">
                    {roles
                        .into_iter()
                        .map(|role| view! { <span class="badge" translate="no">{role}</span> })
                        .collect_view()}
                </dd>
            }
        })
    };
    view! {
        <section class="section" aria-labelledby="about">
            <h2 id="about">{tr("Account")}</h2>
            <dl class="data">
                <dt>{tr("Email")}</dt>
                <dd>
                    <span translate="no">
                        {move || view! { <span>{details.shown_email()}</span> }}
                    </span>
                    " "
                    <a href=AccountPage::Security.path()>{tr("Change")}</a>
                </dd>
                {roles}
                {is_admin.then(|| view! { <dt>{tr("Rights")}</dt> <dd>{tr("Administrator")}</dd> }.into_any_sync())}
                <dt>{tr("Created")}</dt>
                <dd>{created}</dd>
                <dt>{tr("Account ID")}</dt>
                <dd>
                    <code translate="no">{id}</code>
                </dd>
            </dl>
        </section>
    }
}

/// Everything that is stored about the user, to be downloaded.
#[component]
fn DataSection() -> impl IntoView {
    let submission = Submission::default();
    let notice = RwSignal::new(None);
    let save = move |()| {
        notice.set(None);
        submission.start(async move {
            let json = user::export_json().await?;
            let name = format!("latchkey-data-{}.json", today());
            download(&name, "application/json", &pretty_json(&json));
            notice.try_set(Some(tr("Your data has been downloaded.").to_owned()));
            Ok(())
        });
    };
    view! {
        <section class="section" aria-labelledby="your-data">
            <h2 id="your-data">{tr("Your data")}</h2>
            <p class="section-lead">
                {tr("A file with everything that is stored about you: your profile, devices, recent events and emailed links. Passwords and codes are not in it.")}
            </p>
            <Notice text=notice />
            <Alert submission />
            <Button
                submission
                style="quiet"
                icon=IconName::Download
                label=tr("Download my data")
                pending_label=tr("Preparing…")
                on_press=save
            />
        </section>
    }
}
