//! New recovery codes, to be saved by the user.

use js_sys::Reflect;
use languages::{tr, tr_with};
use leptos::prelude::*;

use super::{
    clipboard::{copy, has_clipboard},
    dialog::DIALOG_TITLE,
    download::{download, today},
    focus::focus_soon,
    icon::{Icon, IconName},
};

/// Shows new recovery codes, and offers to copy, download and print them.
#[component]
pub fn RecoveryCodes(
    /// The codes.
    codes: Vec<String>,
    /// The email address of the account.
    account: String,
    /// What is above the explanation.
    #[prop(into)]
    header: ViewFn,
    /// Called when the user has saved the codes.
    #[prop(into)]
    on_done: Callback<()>,
) -> impl IntoView {
    let is_saved = RwSignal::new(false);
    let guard = window_event_listener_untyped("beforeunload", move |event| {
        if !is_saved.get_untracked() {
            ask_before_leaving(&event);
        }
    });
    on_cleanup(move || guard.remove());
    let site = window().location().host().unwrap_or_default();
    let title = tr_with(
        "Recovery codes for {site}, {account}",
        &[("site", &site), ("account", &account)],
    );
    let text = StoredValue::new(codes.join("\n") + "\n");
    let file = StoredValue::new(CodesFile::new(&site, &account, &codes));
    view! {
        <h2 id=DIALOG_TITLE tabindex="-1">
            {tr("Save your recovery codes")}
        </h2>
        {header.run()}
        <p class="dialog-lead">
            {tr("Each code signs you in once when you don't have your authenticator app. They are shown only once: keep them in a safe place.")}
        </p>
        // The print names the site and the account.
        <ul
            class="recovery-codes"
            role="list"
            translate="no"
            data-site=title
        >
            {codes.into_iter().map(|code| view! { <li>{code}</li> }).collect_view()}
        </ul>
        <SaveButtons text file />
        <Done is_saved on_done />
    }
}

/// Asks whether the codes are saved, with the button that closes the dialog.
#[component]
fn Done(
    /// Whether the user says so.
    is_saved: RwSignal<bool>,
    /// Called when the button is pressed and the codes are saved.
    on_done: Callback<()>,
) -> impl IntoView {
    let is_reminded = RwSignal::new(false);
    let finish = move |_| {
        if is_saved.get_untracked() {
            on_done.run(());
        } else {
            is_reminded.set(true);
            focus_soon("#saved");
        }
    };
    let message = move || {
        let warns = is_reminded.get() && !is_saved.get();
        warns.then(|| view! { <span>{tr("Save the codes first, and then tick this box.")}</span> })
    };
    view! {
        <div class="check">
            <label>
                <input
                    id="saved"
                    type="checkbox"
                    aria-describedby="saved-message"
                    on:change=move |event| is_saved.set(event_target_checked(&event))
                />
                {tr("I have saved these codes")}
            </label>
            <p class="field-message" id="saved-message" aria-live="polite">
                {message}
            </p>
        </div>
        <div class="actions">
            <button type="button" class="button primary" on:click=finish>
                {tr("Done")}
            </button>
        </div>
    }
}

/// Makes the browser ask before it leaves the page, because the codes are shown only once.
fn ask_before_leaving(event: &web_sys::Event) {
    event.prevent_default();
    // For older browsers. Setting a property of an event can't fail.
    let _ = Reflect::set(event, &"returnValue".into(), &true.into());
}

/// The buttons that copy, download and print the codes.
#[component]
fn SaveButtons(
    /// The codes, one per line.
    text: StoredValue<String>,
    /// The file with the codes.
    file: StoredValue<CodesFile>,
) -> impl IntoView {
    let status = RwSignal::new(None);
    let copy = move |_| {
        copy(
            text,
            status,
            tr("Copying failed. Select the codes and copy them by hand."),
        )
    };
    let copy_button = has_clipboard().then(|| {
        view! {
            <button type="button" class="button quiet" on:click=copy>
                <Icon name=IconName::Copy />
                {tr("Copy")}
            </button>
        }
    });
    view! {
        <div class="actions save">
            {copy_button}
            <button
                type="button"
                class="button quiet"
                on:click=move |_| file.with_value(CodesFile::download)
            >
                <Icon name=IconName::Download />
                {tr("Download")}
            </button>
            <button
                type="button"
                class="button quiet"
                on:click=move |_| {
                    // Fails only in browsers that can't print.
                    let _ = window().print();
                }
            >
                <Icon name=IconName::Print />
                {tr("Print")}
            </button>
        </div>
        <p class="action-status" role="status">
            {move || status.get().map(|status| view! { <span>{status}</span> })}
        </p>
    }
}

/// A text file with recovery codes, which says what they are for.
struct CodesFile {
    name: String,
    text: String,
}

impl CodesFile {
    fn new(site: &str, account: &str, codes: &[String]) -> Self {
        let day = today();
        let codes = codes.join("\n");
        Self {
            name: format!("latchkey-recovery-codes-{day}.txt"),
            text: tr_with(
                "Recovery codes\n\nSite: {site}\nAccount: {account}\nCreated: {day}\n\n\
                 Each code signs you in once, in place of a code from your authenticator app.\n\n\
                 {codes}",
                &[
                    ("site", site),
                    ("account", account),
                    ("day", &day),
                    ("codes", &codes),
                ],
            ) + "\n",
        }
    }

    /// Downloads the file.
    fn download(&self) {
        download(&self.name, "text/plain", &self.text);
    }
}
