//! What emails about changes to an account say.

use languages::{tr, tr_count, tr_with};

use super::content::{EmailContent, NOT_YOU};

pub(super) fn email_change_requested(new_email: &str) -> EmailContent {
    EmailContent {
        subject: tr("Your email address is about to change"),
        paragraphs: vec![tr_with(
            "Someone with your password requested to change the email address of \
             your account to {new_email}. It changes when the link that we emailed \
             to that address is confirmed.",
            &[("new_email", new_email)],
        )],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn email_changed(new_email: &str) -> EmailContent {
    EmailContent {
        subject: tr("Your email address was changed"),
        paragraphs: vec![tr_with(
            "The email address of your account is now {new_email}.",
            &[("new_email", new_email)],
        )],
        link: None,
        note: tr("If this wasn't you, contact the administrator of this site."),
        ..EmailContent::default()
    }
}

pub(super) fn account_deleted() -> EmailContent {
    EmailContent {
        subject: tr("Your account was deleted"),
        paragraphs: vec![
            tr(
                "Your account and everything that belonged to it were deleted, as \
                 someone with its password requested.",
            )
            .into(),
        ],
        link: None,
        note: tr("If this wasn't you, contact the administrator of this site."),
        ..EmailContent::default()
    }
}

pub(super) fn account_removed() -> EmailContent {
    EmailContent {
        subject: tr("Your account was deleted"),
        paragraphs: vec![
            tr(
                "An administrator of this site deleted your account and everything that \
                 belonged to it.",
            )
            .into(),
        ],
        link: None,
        note: tr("If you have questions, contact the administrator of this site."),
        ..EmailContent::default()
    }
}

pub(super) fn new_device() -> EmailContent {
    EmailContent {
        subject: tr("New sign-in to your account"),
        paragraphs: vec![
            tr(
                "Someone signed in to your account on a device or from a network that \
                 hasn't been used with it lately.",
            )
            .into(),
        ],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn new_device_with_provider(provider: &str) -> EmailContent {
    EmailContent {
        paragraphs: vec![tr_with(
            "Your account at {provider} was used to sign in on a device or from a network that \
             hasn't been used with your account lately.",
            &[("provider", provider)],
        )],
        ..new_device()
    }
}

pub(super) fn new_device_by_code() -> EmailContent {
    EmailContent {
        paragraphs: vec![
            tr(
                "A code that we emailed you was used to sign in on a device or from a network \
                 that hasn't been used with your account lately.",
            )
            .into(),
        ],
        ..new_device()
    }
}

pub(super) fn sign_in_code(is_first_proof: bool) -> EmailContent {
    let what = tr(
        "Enter this code on the page where you requested it. It works once and expires in 10 \
         minutes.",
    );
    let removes_password = tr(
        "Your email address isn't confirmed yet. Signing in with this code confirms it, signs out \
         all devices, and removes the password that was chosen when the account was created.",
    );
    let paragraphs = [Some(what), is_first_proof.then_some(removes_password)];
    EmailContent {
        subject: tr("Your code to sign in"),
        paragraphs: paragraphs.into_iter().flatten().map(Into::into).collect(),
        link: None,
        note: tr(
            "If you didn't request this, you can ignore this email. Don't give the code to \
             anyone: nobody from this site will ask you for it.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn identity_linked(provider: &str) -> EmailContent {
    EmailContent {
        subject: tr("A way to sign in was added"),
        paragraphs: vec![tr_with(
            "An account at {provider} was linked to your account. From now on, it can be used to \
             sign in.",
            &[("provider", provider)],
        )],
        link: None,
        note: tr(
            "If this wasn't you, unlink it on your account page, change your password and sign out \
             everywhere immediately.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn identity_unlinked(provider: &str) -> EmailContent {
    EmailContent {
        subject: tr("A way to sign in was removed"),
        paragraphs: vec![tr_with(
            "Your account at {provider} was unlinked. It can no longer be used to sign in to your \
             account.",
            &[("provider", provider)],
        )],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn password_changed() -> EmailContent {
    EmailContent {
        subject: tr("Your password was changed"),
        paragraphs: vec![
            tr(
                "The password of your account was changed, and other devices were \
                 signed out.",
            )
            .into(),
        ],
        link: None,
        note: tr(
            "If this wasn't you, choose a new password immediately: use \"Forgot \
             password?\" on the sign-in page, and we'll email you a link.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn password_removed() -> EmailContent {
    EmailContent {
        subject: tr("Your password was removed"),
        paragraphs: vec![
            tr(
                "The password of your account was removed, and other devices were signed out. \
                 From now on, you sign in with a passkey.",
            )
            .into(),
        ],
        ..password_changed()
    }
}

pub(super) fn second_factor_on() -> EmailContent {
    EmailContent {
        subject: tr("Two-factor authentication is on"),
        paragraphs: vec![
            tr(
                "From now on, signing in to your account requires a code from your \
                 authenticator app. Keep your recovery codes in a safe place.",
            )
            .into(),
        ],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn second_factor_off() -> EmailContent {
    EmailContent {
        subject: tr("Two-factor authentication is off"),
        paragraphs: vec![tr("Signing in to your account now requires only your password.").into()],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn recovery_codes_replaced() -> EmailContent {
    EmailContent {
        subject: tr("You have new recovery codes"),
        paragraphs: vec![
            tr(
                "New recovery codes were created for your account. The earlier ones no \
                 longer work.",
            )
            .into(),
        ],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn recovery_code_used(left: u32) -> EmailContent {
    let left = match left {
        0 => tr("It was your last one. Create new ones on your account page.").to_owned(),
        left => tr_count(
            left as usize,
            "You have {count} recovery code left.",
            "You have {count} recovery codes left.",
        ),
    };
    EmailContent {
        subject: tr("A recovery code was used"),
        paragraphs: vec![tr_with(
            "A recovery code was used to sign in to your account. {left}",
            &[("left", &left)],
        )],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn totp_added(name: &str) -> EmailContent {
    EmailContent {
        subject: tr("An authenticator app was added"),
        paragraphs: vec![tr_with(
            "The codes of \"{name}\" can be used to sign in to your account from now on, beside those of \
             your other authenticator apps.",
            &[("name", name)],
        )],
        link: None,
        note: tr(
            "If this wasn't you, remove the app on your account page, sign out everywhere and choose a \
             new password.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn totp_removed(name: &str) -> EmailContent {
    EmailContent {
        subject: tr("An authenticator app was removed"),
        paragraphs: vec![tr_with(
            "The codes of \"{name}\" can no longer be used to sign in to your account. Your other \
             authenticator apps still work.",
            &[("name", name)],
        )],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn passkey_added(name: &str) -> EmailContent {
    EmailContent {
        subject: tr("A passkey was added to your account"),
        paragraphs: vec![tr_with(
            "The passkey \"{name}\" can be used to sign in to your account from now on, without \
             your password.",
            &[("name", name)],
        )],
        link: None,
        note: tr(
            "If this wasn't you, remove the passkey on your account page, sign out everywhere and \
             choose a new password.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn passkey_removed(name: &str) -> EmailContent {
    EmailContent {
        subject: tr("A passkey was removed from your account"),
        paragraphs: vec![tr_with(
            "The passkey \"{name}\" can no longer be used to sign in to your account.",
            &[("name", name)],
        )],
        link: None,
        note: tr(NOT_YOU),
        ..EmailContent::default()
    }
}

pub(super) fn webhook_disabled(host: &str, reason: &str) -> EmailContent {
    let why = match reason {
        "gone" => tr("Its receiver responded that it wants no more events (status 410)."),
        "backlog" => tr("More than 100,000 events were waiting for it."),
        _ => tr("An event could not be delivered for three days."),
    };
    EmailContent {
        subject: tr("A webhook was disabled"),
        paragraphs: vec![tr_with(
            "The webhook that sends events to {host} was disabled. {why} Events \
             that were waiting for it are not delivered, and new ones are not \
             recorded. When its receiver works again, activate the webhook as an \
             administrator.",
            &[("host", host), ("why", why)],
        )],
        link: None,
        note: tr("You receive this email because you are an administrator of this site."),
        ..EmailContent::default()
    }
}
