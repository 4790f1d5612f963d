//! The requests of the section, and the steps of its dialog that they lead to.

use std::future::Future;

use http::StatusCode;
use js_sys::Date;
use languages::{tr, tr_later, tr_with};
use leptos::{prelude::*, task::spawn_local};

use super::super::{
    details::Details,
    dialog::DialogState,
    named::Loaded,
    token_request::{Outcome, TokenRequest},
};
use crate::{
    api::{
        ApiError, Code,
        recovery::{self, CodesLeft},
        totp::{self, AuthenticatorApp, Setup, TurnedOn},
        user,
    },
    browser::{EndReason, LOADING_LIMIT, renewal::exchange, session, unsaved_codes, with_limit},
    components::focus_soon,
};

/// What the dialog shows.
#[derive(Clone)]
pub(super) enum Step {
    /// Asks for the password, to set up an authenticator app.
    TurnOn,
    /// Shows the secret for the app, and asks for the app's first code.
    SetUp(Setup),
    /// Asks for the password, to add another authenticator app.
    AddApp,
    /// The same as `SetUp` for another app.
    SetUpAnother(Setup),
    /// Asks for a new name of an app.
    RenameApp(AuthenticatorApp),
    /// Asks for the password, to remove an app.
    RemoveApp(AuthenticatorApp),
    /// Asks for the password, to create new recovery codes.
    CreateCodes,
    /// Shows new recovery codes. Holds the notice that follows.
    Codes(Vec<String>, &'static str),
    /// Asks for the password, to turn the second factor off.
    TurnOff,
}

const TURNED_ON: &str = tr_later("Two-factor authentication is on.");
pub(super) const CODES_REPLACED: &str =
    tr_later("You have new recovery codes. The old ones no longer work.");
const TURNED_OFF: &str =
    tr_later("Two-factor authentication is off. Other devices are signed out.");
const NOT_ON: &str = tr_later(
    "The server can't be reached. Two-factor authentication is not on yet: try again \
     in a moment.",
);
const UNCLEAR_ON: &str = tr_later(
    "The server can't be reached, so it isn't clear whether two-factor \
     authentication is on. Try again in a moment.",
);
const CODES_LOST: &str = tr_later(
    "Two-factor authentication is on, but the recovery codes didn't arrive. Create \
     new ones.",
);
const NEW_CODES_LOST: &str = tr_later(
    "The server can't be reached. Your earlier codes may not work any more: try \
     again in a moment.",
);
const STILL_ON: &str = tr_later(
    "The server can't be reached. Two-factor authentication is still on: try again in \
     a moment.",
);
const UNCLEAR_OFF: &str = tr_later(
    "The server can't be reached, so it isn't clear whether two-factor \
     authentication is still on. Try again in a moment.",
);

/// The dialog, and the requests that lead from step to step.
#[derive(Clone, Copy)]
pub(super) struct Flow {
    pub details: Details,
    pub dialog: DialogState,
    pub step: RwSignal<Step>,
    /// Whether the newest recovery codes were not saved.
    pub has_unsaved_codes: RwSignal<bool>,
    /// The recovery codes that are left, once they are known.
    pub codes: RwSignal<Option<Result<CodesLeft, ApiError>>>,
    /// The authenticator apps in use, once they are known.
    pub apps: Loaded<AuthenticatorApp>,
    turn_off: TokenRequest,
}

impl Flow {
    pub fn new(details: Details) -> Self {
        let has_unsaved_codes = unsaved_codes::has(&details.profile.read_untracked().id);
        Self {
            details,
            dialog: DialogState::default(),
            step: RwSignal::new(Step::TurnOn),
            has_unsaved_codes: RwSignal::new(has_unsaved_codes),
            codes: RwSignal::new(None),
            apps: RwSignal::new(None),
            turn_off: TokenRequest::new(tr(STILL_ON), tr(UNCLEAR_OFF)),
        }
    }

    pub fn start(self, step: Step) {
        self.step.set(step);
        self.dialog.open();
    }

    /// Returns whether the dialog must stay open: recovery codes are shown only once.
    pub fn is_locked(self) -> bool {
        let shows_codes = self.step.with(|step| matches!(step, Step::Codes(..)));
        shows_codes || self.dialog.submission.is_running()
    }

    /// Records that the user has saved the codes.
    pub fn finish_codes(self, notice: &'static str) {
        self.set_unsaved_codes(false);
        self.finish(notice);
    }

    /// Remembers, also in the browser's storage, whether the newest codes were not saved.
    fn set_unsaved_codes(self, are_unsaved: bool) {
        if are_unsaved {
            let user = self.details.profile.try_get_untracked();
            unsaved_codes::remember(&user.map(|user| user.id).unwrap_or_default());
        } else {
            unsaved_codes::forget();
        }
        self.has_unsaved_codes.try_set(are_unsaved);
    }

    /// Waits for new recovery codes. They are unsaved from now on, unless the server refuses the
    /// request: the page may be left, and the response lost.
    async fn receive_codes<T>(
        self,
        request: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let were_unsaved = self.has_unsaved_codes.try_get_untracked() == Some(true);
        self.set_unsaved_codes(true);
        let response = request.await;
        if response.as_ref().is_err_and(|error| !error.is_unclear()) {
            self.set_unsaved_codes(were_unsaved);
        }
        response
    }

    fn finish(self, notice: &'static str) {
        self.step.try_set(Step::TurnOn);
        self.dialog.finish(notice.to_owned());
        // The button that opened the dialog is gone, except the one for new codes.
        if notice != tr(CODES_REPLACED) {
            focus_soon("#two-factor");
        }
    }

    pub fn set_up(self, password: String) {
        self.dialog.submission.start(async move {
            let setup = totp::create(password.into()).await?;
            self.step.try_set(Step::SetUp(setup));
            focus_soon("#code");
            Ok(())
        });
    }

    /// Begins to set up another app.
    pub fn begin_app(self, password: String) {
        self.dialog.submission.start(async move {
            let setup = totp::create(password.into()).await?;
            self.step.try_set(Step::SetUpAnother(setup));
            focus_soon("#code");
            Ok(())
        });
    }

    pub fn add_app(self, code: String) {
        self.dialog.submission.start(async move {
            let before = untrack(|| self.count_apps());
            let name = untrack(|| self.free_name());
            match totp::add(code.into(), name.into()).await {
                Ok(_) => {}
                // It was added if there is one more now.
                Err(error) if error.is_unclear() => match totp::apps().await {
                    Ok(apps) if before > 0 && apps.len() > before => {}
                    _ => return Err(error),
                },
                Err(error) => return Err(error),
            }
            self.finish_apps(tr("Authenticator app added.").to_owned());
            Ok(())
        });
    }

    /// A name for another app that no other has. It can be changed later.
    fn free_name(self) -> String {
        let numbered = |number: usize| {
            let number = number.to_string();
            tr_with("Authenticator app {number}", &[("number", &number)])
        };
        self.apps.with(|apps| {
            let apps = apps.iter().flatten().flatten();
            let taken: Vec<_> = apps.map(|app| app.name.clone()).collect();
            let names = (taken.len() + 1..).map(numbered);
            names
                .into_iter()
                .find(|name| !taken.contains(name))
                .unwrap_or_default()
        })
    }

    pub fn rename_app(self, id: String, name: String) {
        self.dialog.submission.start(async move {
            totp::rename(id.into(), name.into()).await?;
            self.finish_apps(tr("Authenticator app renamed.").to_owned());
            Ok(())
        });
    }

    pub fn remove_app(self, app: AuthenticatorApp, password: String) {
        self.dialog.submission.start(async move {
            totp::remove(app.id.into(), password.into()).await?;
            self.finish_apps(tr_with(
                "Authenticator app removed: {name}",
                &[("name", &app.name)],
            ));
            // No device is trusted any more.
            self.details.reload_sessions();
            Ok(())
        });
    }

    /// Closes the dialog, says what has happened, and shows the apps as they are now.
    fn finish_apps(self, message: String) {
        self.dialog.finish(message);
        self.load_apps();
        focus_soon("#two-factor");
    }

    /// Asks the server for the apps.
    pub fn load_apps(self) {
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, totp::apps()).await;
            self.apps.try_set(Some(response));
        });
    }

    /// The number of apps, as far as it is known.
    pub fn count_apps(self) -> usize {
        self.apps.with(|apps| match apps {
            Some(Ok(apps)) => apps.len(),
            Some(Err(_)) | None => 0,
        })
    }

    pub fn turn_on(self, code: String) {
        self.dialog.submission.start(async move {
            let request = exchange(async {
                let TurnedOn {
                    pair,
                    recovery_codes,
                } = totp::confirm(code.into(), "".into()).await?;
                Ok((pair, recovery_codes))
            });
            match self.receive_codes(request).await {
                Ok(codes) => {
                    self.details.set_second_factor(true);
                    self.show_codes(codes, tr(TURNED_ON));
                    Ok(())
                }
                Err(error) if error.is_unclear() => self.check_whether_on().await,
                Err(error) => Err(note_end(error)),
            }
        });
    }

    /// Asks the server whether the second factor is on, after the response was lost. If it is, the
    /// session's tokens usually still lack it, and the page that asks for a code opens.
    async fn check_whether_on(self) -> Result<(), ApiError> {
        match user::view().await {
            Ok(profile) if profile.otp_enabled => {
                self.details.set_second_factor(true);
                self.load_codes();
                self.finish(tr(CODES_LOST));
                Ok(())
            }
            Ok(_) => {
                self.set_unsaved_codes(false);
                Err(ApiError::detail(Code::Unreachable, tr(NOT_ON)))
            }
            Err(error) if error.is_unclear() => {
                Err(ApiError::detail(Code::Unreachable, tr(UNCLEAR_ON)))
            }
            Err(error) => Err(error),
        }
    }

    pub fn create_codes(self, password: String) {
        self.dialog.submission.start(async move {
            match self.receive_codes(recovery::create(password.into())).await {
                Ok(created) => {
                    self.show_codes(created.recovery_codes, tr(CODES_REPLACED));
                    Ok(())
                }
                Err(error) if error.is_unclear() => {
                    Err(ApiError::detail(Code::Unreachable, tr(NEW_CODES_LOST)))
                }
                Err(error) => Err(note_end(error)),
            }
        });
    }

    pub fn turn_off(self, password: String) {
        self.dialog.submission.start(async move {
            let email = untrack(|| self.details.email());
            let request = totp::delete(password.as_str().into());
            let request = exchange(async { Ok((request.await?, ())) });
            match self.turn_off.send(request, email, password).await? {
                Outcome::Answered => {}
                // Unless this needs the second factor: then the page that asks for it opens.
                Outcome::SignedInAgain if !user::view().await?.otp_enabled => {}
                Outcome::SignedInAgain => {
                    return Err(ApiError::detail(Code::Unreachable, tr(STILL_ON)));
                }
                Outcome::Refused => {
                    session::end(EndReason::NotDone);
                    return Err(Code::TokenInvalid.into());
                }
            }
            self.set_unsaved_codes(false);
            self.details.set_second_factor(false);
            self.apps.try_set(None);
            self.finish(tr(TURNED_OFF));
            self.details.reload_sessions();
            Ok(())
        });
    }

    /// Asks the server how many recovery codes are left.
    pub fn load_codes(self) {
        spawn_local(async move {
            let response = with_limit(LOADING_LIMIT, recovery::view()).await;
            self.codes.try_set(Some(response));
        });
    }

    fn show_codes(self, codes: Vec<String>, notice: &'static str) {
        self.codes.try_set(Some(Ok(CodesLeft {
            left: i64::try_from(codes.len()).unwrap_or_default(),
            created_at: Some(Date::new_0().to_iso_string().into()),
        })));
        self.step.try_set(Step::Codes(codes, notice));
        focus_soon("#dialog-title");
    }
}

/// Says, where the user will read it, that the session ended before the change was made.
fn note_end(error: ApiError) -> ApiError {
    if error.status() == StatusCode::UNAUTHORIZED {
        session::explain_end(EndReason::NotDone);
    }
    error
}
