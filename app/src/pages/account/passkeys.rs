//! The section "Passkeys".

use languages::{tr, tr_with};
use leptos::{prelude::*, task::spawn_local};

use super::{
    clock::clock,
    details::Details,
    dialog::{CurrentPassword, DialogForm, DialogState, PasswordForm},
    named::{Loaded, NamedRow, RenameForm, rows},
    unverified::FIRST,
};
use crate::{
    SignInWays,
    api::{
        ApiError, Code,
        passkey::{self, Passkey},
    },
    browser::{LOADING_LIMIT, passkeys, with_limit},
    components::{Dialog, IconName, IntoAnySync, Notice, focus_soon, input_value},
};

/// What has the focus after a change.
const HEADING: &str = "#passkeys";

/// What the dialog is about.
#[derive(Clone, PartialEq, Eq)]
enum Step {
    Add,
    Rename(Passkey),
    Remove(Passkey),
}

/// The section's state.
#[derive(Clone, Copy)]
struct State {
    details: Details,
    dialog: DialogState,
    step: RwSignal<Step>,
    /// The passkeys, once they are known.
    passkeys: Loaded<Passkey>,
    /// Whether there are any.
    has_any: RwSignal<bool>,
}

impl State {
    fn start(self, step: Step) {
        self.step.set(step);
        self.dialog.open();
    }

    /// Asks the server for the passkeys.
    fn load(self) {
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, passkey::passkeys()).await;
            let has_any = response.as_ref().is_ok_and(|passkeys| !passkeys.is_empty());
            self.has_any.try_set(has_any);
            self.passkeys.try_set(Some(response));
        });
    }

    /// Closes the dialog, shows what has happened, and shows the passkeys as they are now.
    fn finish(self, message: String) {
        self.dialog.finish(message);
        self.load();
        focus_soon(HEADING);
    }

    fn add(self, password: String) {
        self.dialog.submission.start(async move {
            let options = passkey::create(password.into()).await?;
            let credential = passkeys::create(&options).await?;
            // The authenticator has the passkey now: naming it comes later, so that nothing lies between.
            let added = passkey::confirm(credential, "".into())
                .await
                .map_err(as_message)?;
            self.finish(tr_with("Passkey added: {name}", &[("name", &added.name)]));
            self.details.reload_sessions();
            Ok(())
        });
    }

    fn rename(self, passkey: Passkey, name: String) {
        self.dialog.submission.start(async move {
            passkey::rename(passkey.id.into(), name.into()).await?;
            self.finish(tr("Passkey renamed.").to_owned());
            Ok(())
        });
    }

    fn remove(self, passkey: Passkey, password: String) {
        self.dialog.submission.start(async move {
            passkey::delete(passkey.id.into(), password.into()).await?;
            self.finish(tr_with(
                "Passkey removed: {name}",
                &[("name", &passkey.name)],
            ));
            self.details.reload_sessions();
            Ok(())
        });
    }
}

/// The dialog has no field for the credential.
fn as_message(error: ApiError) -> ApiError {
    match error {
        ApiError::Fields(_) => ApiError::detail(Code::Unknown, error.to_string()),
        error @ ApiError::Detail { .. } => error,
    }
}

/// Lists the passkeys, and adds, renames and removes them.
#[component]
pub(super) fn Passkeys(
    details: Details,
    /// Says whether there are any, as far as that is known.
    #[prop(default = RwSignal::new(false))]
    has_any: RwSignal<bool>,
) -> impl IntoView {
    let state = State {
        details,
        has_any,
        dialog: DialogState::default(),
        step: RwSignal::new(Step::Add),
        passkeys: RwSignal::new(None),
    };
    if SignInWays::of_server().passkeys {
        state.load();
    } else {
        // What there is from another address can't be used at this one.
        state.passkeys.set(Some(Ok(Vec::new())));
    }
    on_cleanup(passkeys::stop_waiting);
    let is_locked = Signal::derive(move || state.dialog.submission.is_running());
    view! {
        <section class="section" aria-labelledby="passkeys">
            <h2 id="passkeys" tabindex="-1">
                {tr("Passkeys")}
            </h2>
            <p class="section-lead">
                {tr("Sign in with your fingerprint, your face or your screen lock, without a password or code. A passkey works on this site only, so nobody can trick you into revealing it.")}
            </p>
            <Notice text=state.dialog.notice />
            <List state />
            <div class="section-foot">
                <AddButton state />
            </div>
            <Dialog open=state.dialog.is_open locked=is_locked>
                {move || match state.step.get() {
                    Step::Add => view! { <Add state /> }.into_any_sync(),
                    Step::Rename(passkey) => view! { <Rename state passkey /> }.into_any_sync(),
                    Step::Remove(passkey) => view! { <Remove state passkey /> }.into_any_sync(),
                }}
            </Dialog>
        </section>
    }
}

#[component]
fn AddButton(state: State) -> impl IntoView {
    let reason = move || {
        if !SignInWays::of_server().passkeys {
            Some(tr(
                "Browsers don't accept passkeys at this site's address: it needs a host name and HTTPS.",
            ))
        } else if !passkeys::are_supported() {
            Some(tr("This browser can't use passkeys on this site."))
        } else if !state.details.is_verified() {
            Some(tr(FIRST))
        } else {
            None
        }
    };
    move || match reason() {
        Some(reason) => view! { <p class="blocked">{reason}</p> }.into_any_sync(),
        None => view! {
            <button type="button" class="button quiet" on:click=move |_| state.start(Step::Add)>
                {tr("Add a passkey")}
            </button>
        }
        .into_any_sync(),
    }
}

#[component]
fn List(state: State) -> impl IntoView {
    let now = clock();
    rows(state.passkeys, move |passkey: &Passkey| {
        let (renamed, removed) = (passkey.clone(), passkey.clone());
        let on_remove = move |()| state.start(Step::Remove(removed.clone()));
        view! {
            <NamedRow
                icon=IconName::Passkey
                name=passkey.name.clone()
                badge=passkey.backed_up.then(|| tr("Synced"))
                created_at=Some(passkey.created_at.clone())
                last_used_at=passkey.last_used_at.clone()
                now
                on_rename=move |()| state.start(Step::Rename(renamed.clone()))
                on_remove=Some(Callback::new(on_remove))
            />
        }
    })
}

#[component]
fn Add(state: State) -> impl IntoView {
    view! {
        <PasswordForm
            dialog=state.dialog
            details=state.details
            title=tr("Add a passkey")
            lead=tr("Enter your password. Then your browser asks where to keep the passkey: on this device, on your phone or on a security key.")
            submit=tr("Continue")
            pending_label=tr("Waiting for your passkey…")
            on_submit=move |password| state.add(password)
        />
    }
}

#[component]
fn Rename(state: State, passkey: Passkey) -> impl IntoView {
    let name = passkey.name.clone();
    let passkey = StoredValue::new(passkey);
    view! {
        <RenameForm
            dialog=state.dialog
            details=state.details
            title=tr("Rename this passkey")
            name
            hint=tr("Such as the device or the password manager that keeps it.")
            on_submit=move |name| state.rename(passkey.get_value(), name)
        />
    }
}

#[component]
fn Remove(state: State, passkey: Passkey) -> impl IntoView {
    let input = NodeRef::new();
    let lead = tr_with(
        "{name} will no longer sign in to your account, and devices that are signed in with it are signed out.",
        &[("name", &passkey.name)],
    );
    let passkey = StoredValue::new(passkey);
    view! {
        <DialogForm
            dialog=state.dialog
            title=tr("Remove this passkey?")
            details=state.details
            submit=tr("Remove")
            pending_label=tr("Removing…")
            style="danger"
            on_submit=move |()| state.remove(passkey.get_value(), input_value(input))
        >
            <p class="dialog-lead">{lead}</p>
            <p class="dialog-lead">
                {tr("Delete it from the device or the password manager that keeps it as well, so that it is no longer offered.")}
            </p>
            <CurrentPassword details=state.details submission=state.dialog.submission input />
        </DialogForm>
    }
}
