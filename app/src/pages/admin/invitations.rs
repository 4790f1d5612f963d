//! The page of the invitations that wait to be accepted.

use languages::{tr, tr_with};
use leptos::{html, prelude::*};
use serde_json::Value;

use super::{
    PageHead,
    console::{Console, ConsoleNotice, Reply, notify},
    counted::Counted,
    form::{FormDialog, OptionalFields},
    listing::{Listing, Page},
    question::Question,
};
use crate::{
    admin_pages::AdminPage,
    api::admin::{self, Invitation, Inviter, ManagedUser},
    components::{
        EmailField, Icon, IconName, IntoAnySync, RelativeTime, Submission, input_value, local_date,
    },
    email::email_for_display,
    pages::account::clock::clock,
};

/// The page of the invitations.
#[component]
pub(super) fn Invitations(console: Console) -> impl IntoView {
    let fetch = move |cursor: Option<String>| -> Reply<Page<Invitation>> {
        let request = admin::invitations("".into(), cursor.unwrap_or_default().into());
        Box::pin(async move {
            let page = request.await?;
            Ok((page.invitations, page.next_cursor))
        })
    };
    let list = Listing::new(console, fetch);
    list.reload();
    let now = clock();
    let empty = tr("No invitations wait to be accepted.");
    let key = |invitation: &Invitation| format!("{} {}", invitation.id, invitation.created_at);
    let row = move |invitation| view! { <Row invitation console list now /> };
    view! {
        <div class="head-row">
            <PageHead
                title=tr("Invitations")
                lead=tr("Anyone who accepts one chooses a password and gets an account with the roles that it names.")
            />
            <Invite console list />
        </div>
        <ConsoleNotice path=AdminPage::Invitations.path() />
        {list.section(tr("Invitations"), key, row, Counted::Invitations, empty)}
    }
}

#[component]
fn Row(
    invitation: Invitation,
    console: Console,
    list: Listing<Invitation>,
    now: Signal<u64>,
) -> impl IntoView {
    let email = email_for_display(&invitation.email).into_owned();
    let name = (!invitation.name.is_empty()).then(|| invitation.name.clone());
    let sender = invitation.invited_by.clone().map(sender_text);
    let roles = invitation.roles.clone();
    let roles = roles
        .into_iter()
        .map(|role| view! { <span class="badge">{role}</span> });
    let (sent, expiry) = (
        invitation.created_at.clone(),
        tr_with(
            "Expires on {date}",
            &[("date", &local_date(&invitation.expires_at))],
        ),
    );
    let is_admin = invitation.is_admin;
    let (again, revoked) = (invitation.clone(), invitation);
    let send_again = move |_| console.asking.ask(question_again(&again, list));
    let revoke = move |_| console.asking.ask(question_revoke(&revoked, list));
    let to = tr_with("to {email}", &[("email", &email)]);
    let of = tr_with("the invitation of {email}", &[("email", &email)]);
    view! {
        <li class="row">
            <span class="row-icon">
                <Icon name=IconName::Email />
            </span>
            <div class="row-text">
                <p class="row-title" translate="no">
                    <span>{email}</span>
                </p>
                <p class="badges" translate="no">
                    {is_admin
                        .then(|| view! { <span class="badge warning">{tr("Administrator")}</span> })}
                    {roles.collect_view()}
                </p>
                <p class="row-facts">
                    {name.map(|name| view! { <span translate="no">{name}</span> })}
                    <span>{tr("Sent")} " " <RelativeTime time=sent now /> {sender}</span>
                    <span>{expiry}</span>
                </p>
            </div>
            <div class="actions">
                <button type="button" class="button quiet" on:click=send_again>
                    {tr("Send again")}
                    <span class="visually-hidden">" " {to}</span>
                </button>
                <button type="button" class="button quiet" on:click=revoke>
                    {tr("Revoke")}
                    <span class="visually-hidden">" " {of}</span>
                </button>
            </div>
        </li>
    }
}

/// Returns who has sent an invitation, with a space before it.
fn sender_text(inviter: Inviter) -> String {
    let text = match (inviter.kind.as_str(), inviter.name) {
        ("service_key", Some(name)) => tr_with("by the service {name}", &[("name", &name)]),
        (_, Some(email)) => tr_with("by {name}", &[("name", &email_for_display(&email))]),
        (_, None) => tr("by someone who is gone").to_owned(),
    };
    format!(" {text}")
}

/// Asks before an invitation is sent again.
fn question_again(invitation: &Invitation, list: Listing<Invitation>) -> Question {
    let email = email_for_display(&invitation.email).into_owned();
    let invited = Invited::from(invitation.clone());
    let done = tr_with(
        "The invitation was sent to {email} again.",
        &[("email", &email)],
    );
    Question {
        title: tr("Send the invitation again?").to_owned(),
        text: vec![
            tr(
                "The new email has a link of its own, which works for 7 days. The link that was \
                 sent before stops working.",
            )
            .to_owned(),
        ],
        names: vec![email],
        label: tr("Send again"),
        pending_label: tr("Sending…"),
        style: "primary",
        path: AdminPage::Invitations.path().to_owned(),
        request: list.change(move || invited.send(), done),
    }
}

/// Asks before an invitation is revoked.
fn question_revoke(invitation: &Invitation, list: Listing<Invitation>) -> Question {
    let email = email_for_display(&invitation.email).into_owned();
    let id = invitation.id.clone();
    let done = tr_with(
        "The invitation of {email} has been revoked.",
        &[("email", &email)],
    );
    let request = move || -> Reply<()> { Box::pin(admin::revoke_invitation(id.as_str().into())) };
    Question {
        title: tr("Revoke this invitation?").to_owned(),
        text: vec![tr("Its link stops working at once. Nobody is told.").to_owned()],
        names: vec![email],
        label: tr("Revoke"),
        pending_label: tr("Revoking…"),
        style: "danger",
        path: AdminPage::Invitations.path().to_owned(),
        request: list.change(request, done),
    }
}

/// The inputs of the form.
#[derive(Clone, Copy, Default)]
struct Fields {
    email: NodeRef<html::Input>,
    name: NodeRef<html::Input>,
    roles: NodeRef<html::Input>,
    is_admin: RwSignal<bool>,
}

/// A button that opens the form for an invitation.
#[component]
fn Invite(console: Console, list: Listing<Invitation>) -> impl IntoView {
    let open = RwSignal::new(false);
    let submission = Submission::default();
    let fields = Fields::default();
    let show = move |_| {
        submission.reset();
        fields.is_admin.set(false);
        open.set(true);
    };
    let send = move |()| {
        let invited = Invited {
            email: input_value(fields.email).trim().to_owned(),
            name: input_value(fields.name),
            roles: Value::from(input_value(fields.roles)),
            is_admin: fields.is_admin.get_untracked(),
            metadata: Value::Null,
            app_metadata: Value::Null,
        };
        submission.start(async move {
            let user = console.send(move || invited.send()).await?;
            open.try_set(false);
            let email = email_for_display(&user.email);
            let text = tr_with("An invitation was sent to {email}.", &[("email", &email)]);
            notify(AdminPage::Invitations.path(), text);
            list.reload();
            Ok(())
        });
    };
    view! {
        <button type="button" class="button primary" on:click=show>
            {tr("Invite user")}
        </button>
        <FormDialog
            open
            submission
            title=tr("Invite a user")
            submit=tr("Send invitation")
            pending_label=tr("Sending…")
            on_submit=send
        >
            <Form submission fields />
        </FormDialog>
    }
}

#[component]
fn Form(submission: Submission, fields: Fields) -> impl IntoView {
    view! {
        <p class="dialog-lead">
            {tr("We'll email a link that works for 7 days. Using it confirms the email address.")}
        </p>
        <EmailField submission input=fields.email autocomplete="off" />
        <OptionalFields
            submission
            name=fields.name
            roles=fields.roles
            is_admin=fields.is_admin
        />
    }
    .into_any_sync()
}

/// Whom an invitation is for, and what the account starts with.
#[derive(Clone)]
struct Invited {
    email: String,
    name: String,
    roles: Value,
    is_admin: bool,
    metadata: Value,
    app_metadata: Value,
}

impl From<Invitation> for Invited {
    fn from(invitation: Invitation) -> Self {
        Self {
            email: invitation.email,
            name: invitation.name,
            roles: Value::from(invitation.roles),
            is_admin: invitation.is_admin,
            metadata: invitation.metadata,
            app_metadata: invitation.app_metadata,
        }
    }
}

impl Invited {
    fn send(&self) -> Reply<ManagedUser> {
        // What is not given needs no recent sign-in.
        let is_given = |value: &Value| value != "" && value != &Value::Array(Vec::new());
        let given = |value: &Value| Some(value.clone()).filter(is_given).unwrap_or_default();
        Box::pin(admin::create_user(
            self.email.clone().into(),
            "".into(),
            Value::Bool(true),
            given(&self.name.trim().into()),
            given(&self.roles),
            self.is_admin.then_some(true).into(),
            self.metadata.clone(),
            self.app_metadata.clone(),
        ))
    }
}
