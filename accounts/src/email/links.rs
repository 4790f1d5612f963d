//! What emails with a link say, and those that are sent in place of one.

use languages::{tr, tr_with};

use super::{
    content::{EmailContent, Link},
    design::EmailDesign,
    notices::{email_changed, new_device, new_device_by_code, new_device_with_provider},
    signed_in_with::SignedInWith,
};
use crate::crypto::email_token::LinkToken;

pub(super) fn activation(design: &EmailDesign, token: &LinkToken) -> EmailContent {
    EmailContent {
        subject: tr("Confirm your email address"),
        paragraphs: vec![
            tr(
                "Someone, perhaps you, created an account with this email address. To \
                 use it, open this link and confirm that it is your account.",
            )
            .into(),
        ],
        link: Some(Link {
            label: tr("Confirm your email address"),
            url: design.link(design.links.activate.as_ref(), "activate", token),
            validity: tr("This link works once and expires in 24 hours."),
        }),
        note: tr(
            "If you didn't create an account, open the link and choose \"I did not \
             create this account\", or ignore this email.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn invitation(design: &EmailDesign, token: &LinkToken) -> EmailContent {
    EmailContent {
        subject: tr("You are invited to create an account"),
        paragraphs: vec![
            tr(
                "An administrator has invited you to create an account with this email \
                 address. Open this link and choose a password.",
            )
            .into(),
        ],
        link: Some(Link {
            label: tr("Create your account"),
            url: design.invitation_link(token),
            validity: tr(
                "This link works once and expires in 7 days. A newer invitation \
                 replaces it.",
            ),
        }),
        note: tr(
            "If you don't want an account, you can ignore this email. None is \
             created.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn already_registered(design: &EmailDesign) -> EmailContent {
    EmailContent {
        subject: tr("You already have an account"),
        paragraphs: vec![
            tr(
                "Someone, perhaps you, tried to create an account with this email \
                 address. You already have an account, and nothing about it has \
                 changed.",
            )
            .into(),
            tr_with(
                "Sign in at {login}. If you forgot your password, choose a new one at \
                 {forgot}.",
                &[
                    (
                        "login",
                        &design.page(design.links.login.as_deref(), "login"),
                    ),
                    (
                        "forgot",
                        &design.page(design.links.forgot.as_deref(), "forgot"),
                    ),
                ],
            ),
        ],
        link: None,
        note: tr("If this wasn't you, you can ignore this email."),
        ..EmailContent::default()
    }
}

pub(super) fn reset(design: &EmailDesign, token: &LinkToken) -> EmailContent {
    EmailContent {
        subject: tr("Choose a new password"),
        paragraphs: vec![
            tr(
                "Someone, perhaps you, requested a new password for the account with \
                 this email address.",
            )
            .into(),
        ],
        link: Some(Link {
            label: tr("Choose a new password"),
            url: design.link(design.links.reset.as_ref(), "reset", token),
            validity: tr(
                "This link works once and expires in 1 hour. A new password signs out \
                 all devices.",
            ),
        }),
        note: tr(
            "If this wasn't you, you can ignore this email. Your password stays the \
             same.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn email_change(design: &EmailDesign, token: &LinkToken) -> EmailContent {
    EmailContent {
        subject: tr("Confirm your new email address"),
        paragraphs: vec![
            tr(
                "Open this link and confirm, to make this the email address of your \
                 account.",
            )
            .into(),
        ],
        link: Some(Link {
            label: tr("Confirm your new email address"),
            url: design.link(design.links.email_change.as_ref(), "email", token),
            validity: tr("This link works once and expires in 24 hours."),
        }),
        note: tr(
            "If you didn't request this, you can ignore this email. Nothing will \
             change.",
        ),
        ..EmailContent::default()
    }
}

pub(super) fn email_changed_with_undo(
    design: &EmailDesign,
    new_email: &str,
    undo: &LinkToken,
) -> EmailContent {
    EmailContent {
        link: Some(Link {
            label: tr("Undo the change"),
            url: design.link(design.links.email_undo.as_ref(), "email/undo", undo),
            validity: tr(
                "This link works once and expires in 7 days. It gives the account this \
                 email address back, signs out all devices and removes the password. \
                 Then we'll email you a link to choose a new one.",
            ),
        }),
        note: tr("If this was you, you can ignore this email."),
        ..email_changed(new_email)
    }
}

pub(super) fn new_session(
    design: &EmailDesign,
    with: &SignedInWith,
    reject: &LinkToken,
) -> EmailContent {
    let content = match with {
        SignedInWith::Secret => new_device(),
        SignedInWith::Code => new_device_by_code(),
        SignedInWith::Provider(provider) => new_device_with_provider(provider),
    };
    EmailContent {
        link: Some(Link {
            label: tr("Sign out this device"),
            url: design.link(design.links.device.as_ref(), "device", reject),
            validity: tr("This link works once and expires in 7 days."),
        }),
        note: tr(
            "If this wasn't you, sign out the device with this link, and then change your \
             password.",
        ),
        ..content
    }
}
