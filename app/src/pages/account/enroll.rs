//! The account of a user who must set up a second factor before anything else.

use languages::tr;
use leptos::prelude::*;

use super::{
    data::{AccountData, load},
    details::Details,
    passkeys::Passkeys,
    two_factor::TwoFactor,
    unverified::Unverified,
};
use crate::{
    components::IntoAnySync,
    pages::use_passkey::{UsePasskey, can_use_passkeys},
};

/// Says why there is nothing else, and turns the second factor on.
#[component]
pub(super) fn Enroll(details: Details, data: RwSignal<AccountData>) -> impl IntoView {
    let has_any = RwSignal::new(false);
    let has_passkey = Memo::new(move |_| has_any.get());
    let is_on = Memo::new(move |_| details.has_second_factor());
    // The section stays while it shows the recovery codes.
    let offers_app = Memo::new(move |_| is_on.get() || !has_passkey.get());
    view! {
        <section class="callout" aria-labelledby="required">
            <div class="callout-text">
                <h2 id="required">{tr("Your account must have two-factor authentication")}</h2>
                <p>
                    {move || {
                        if is_on.get() {
                            tr("Two-factor authentication is on. You can use your account now.")
                        } else if has_passkey.get() {
                            tr("You have a passkey. Continue with it, and you can use your account.")
                        } else {
                            tr("Turn it on below, or add a passkey. Until then, you can't do anything else here.")
                        }
                    }}
                </p>
            </div>
            {move || {
                if is_on.get() {
                    view! {
                        <button type="button" class="button primary" on:click=move |_| load(data)>
                            {tr("Continue")}
                        </button>
                    }
                        .into_any_sync()
                } else if has_passkey.get() && can_use_passkeys() {
                    view! {
                        <UsePasskey
                            label=tr("Continue with a passkey")
                            class="button primary"
                            on_done=move |()| load(data)
                        />
                    }
                        .into_any_sync()
                } else {
                    ().into_any_sync()
                }
            }}
        </section>
        <Unverified details />
        {move || offers_app.get().then(|| view! { <TwoFactor details /> })}
        <Passkeys details has_any />
    }
}
