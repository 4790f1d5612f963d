//! What emails about changes to an account say.

use super::content::{EmailContent, NOT_YOU};

pub(super) fn email_change_requested(new_email: &str) -> EmailContent {
    EmailContent {
        subject: "Your email address is about to change",
        paragraphs: vec![format!(
            "Someone with your password requested to change the email address of your account to \
             {new_email}. It changes when the link that we emailed to that address is confirmed."
        )],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn email_changed(new_email: &str) -> EmailContent {
    EmailContent {
        subject: "Your email address was changed",
        paragraphs: vec![format!(
            "The email address of your account is now {new_email}."
        )],
        link: None,
        note: "If this wasn't you, contact the administrator of this site.",
        ..EmailContent::default()
    }
}

pub(super) fn account_deleted() -> EmailContent {
    EmailContent {
        subject: "Your account was deleted",
        paragraphs: vec![
            "Your account and everything that belonged to it were deleted, as someone with its \
             password requested."
                .into(),
        ],
        link: None,
        note: "If this wasn't you, contact the administrator of this site.",
        ..EmailContent::default()
    }
}

pub(super) fn account_removed() -> EmailContent {
    EmailContent {
        subject: "Your account was deleted",
        paragraphs: vec![
            "An administrator of this site deleted your account and everything that belonged to it."
                .into(),
        ],
        link: None,
        note: "If you have questions, contact the administrator of this site.",
        ..EmailContent::default()
    }
}

pub(super) fn new_device() -> EmailContent {
    EmailContent {
        subject: "New sign-in to your account",
        paragraphs: vec![
            "Your password was used to sign in on a device or from a network that hasn't been used \
             with your account lately."
                .into(),
        ],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn password_changed() -> EmailContent {
    EmailContent {
        subject: "Your password was changed",
        paragraphs: vec![
            "The password of your account was changed, and other devices were signed out.".into(),
        ],
        link: None,
        note: "If this wasn't you, choose a new password immediately: use \"Forgot password?\" on \
               the sign-in page, and we'll email you a link.",
        ..EmailContent::default()
    }
}

pub(super) fn second_factor_on() -> EmailContent {
    EmailContent {
        subject: "Two-factor authentication is on",
        paragraphs: vec![
            "From now on, signing in to your account requires a code from your authenticator app. \
             Keep your recovery codes in a safe place."
                .into(),
        ],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn second_factor_off() -> EmailContent {
    EmailContent {
        subject: "Two-factor authentication is off",
        paragraphs: vec!["Signing in to your account now requires only your password.".into()],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn recovery_codes_replaced() -> EmailContent {
    EmailContent {
        subject: "You have new recovery codes",
        paragraphs: vec![
            "New recovery codes were created for your account. The earlier ones no longer work."
                .into(),
        ],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn recovery_code_used(left: u32) -> EmailContent {
    let left = match left {
        0 => "It was your last one. Create new ones on your account page.".to_owned(),
        1 => "You have 1 recovery code left.".to_owned(),
        left => format!("You have {left} recovery codes left."),
    };
    EmailContent {
        subject: "A recovery code was used",
        paragraphs: vec![format!(
            "A recovery code was used to sign in to your account. {left}"
        )],
        link: None,
        note: NOT_YOU,
        ..EmailContent::default()
    }
}

pub(super) fn webhook_disabled(host: &str, reason: &str) -> EmailContent {
    let why = match reason {
        "gone" => "Its receiver responded that it wants no more events (status 410).",
        "backlog" => "More than 100,000 events were waiting for it.",
        _ => "An event could not be delivered for three days.",
    };
    EmailContent {
        subject: "A webhook was disabled",
        paragraphs: vec![format!(
            "The webhook that sends events to {host} was disabled. {why} Events that were waiting for it \
             are not delivered, and new ones are not recorded. When its receiver works again, activate the \
             webhook as an administrator."
        )],
        link: None,
        note: "You receive this email because you are an administrator of this site.",
        ..EmailContent::default()
    }
}
