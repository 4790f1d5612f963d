//! The events of an account in words.

use crate::components::IconName;

/// How an event looks in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pages) enum Tone {
    /// Something the user has done.
    Normal,
    /// Something that changes how the account is protected.
    Notable,
    /// Something that was refused, or looks like an attack.
    Failure,
}

impl Tone {
    /// Returns the classes of the row of an event.
    pub const fn row_class(self) -> &'static str {
        match self {
            Self::Normal => "row",
            Self::Notable => "row warning",
            Self::Failure => "row error",
        }
    }
}

/// What the list of events shows.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::pages) struct Description {
    pub text: String,
    pub icon: IconName,
    pub tone: Tone,
}

/// Describes an event to the user.
pub(in crate::pages) fn describe(event: &str, count: i64) -> Description {
    use IconName::{Email, Error, Key, Security, SignIn, SignOut, Success, Warning};
    use Tone::{Failure, Normal, Notable};
    let (text, icon, tone) = match event {
        "signed_in" => ("Signed in", SignIn, Normal),
        "sign_in_pending" => (
            "Password accepted, two-factor authentication pending",
            Key,
            Normal,
        ),
        "sign_in_failed" => ("Wrong password", Error, Failure),
        "second_factor_passed" => ("Completed two-factor authentication", Key, Normal),
        "second_factor_failed" => ("Wrong code", Error, Failure),
        "second_factor_on" => ("Two-factor authentication turned on", Security, Normal),
        "second_factor_off" => ("Two-factor authentication turned off", Warning, Notable),
        "recovery_code_used" => ("Recovery code used", Warning, Notable),
        "recovery_codes_replaced" => ("New recovery codes created", Key, Normal),
        "refresh_token_reused" => (
            "Signed out because the session may have been stolen",
            Error,
            Failure,
        ),
        "signed_out" => ("Signed out", SignOut, Normal),
        "signed_out_everywhere" => ("Signed out everywhere", SignOut, Normal),
        "session_revoked" => ("Signed out a device", SignOut, Normal),
        "registered" => ("Account created", Success, Normal),
        "address_confirmed" => ("Email address confirmed", Success, Normal),
        "account_rejected" => ("Account rejected with an emailed link", Error, Failure),
        "password_reset_requested" => ("Password reset requested", Email, Normal),
        "password_changed" => ("Password changed", Key, Normal),
        "password_reset" => ("Password reset with an emailed link", Warning, Notable),
        "email_change_requested" => ("Email change requested", Email, Normal),
        "email_changed" => ("Email changed", Warning, Notable),
        "email_change_undone" => ("Email change taken back", Warning, Notable),
        "email_undeliverable" => ("An email to you could not be delivered", Error, Failure),
        "operator_created" => ("Account created by an administrator", Success, Normal),
        "operator_verified" => (
            "Email address confirmed by an administrator",
            Success,
            Normal,
        ),
        "operator_deactivated" => ("Account deactivated by an administrator", Warning, Notable),
        "operator_activated" => ("Account activated by an administrator", Success, Normal),
        "operator_signed_out" => (
            "Signed out everywhere by an administrator",
            SignOut,
            Notable,
        ),
        "operator_reset_otp" => (
            "Two-factor authentication removed by an administrator",
            Warning,
            Notable,
        ),
        "operator_set_password" => ("New password set by an administrator", Warning, Notable),
        "operator_changed_email" => ("Email changed by an administrator", Warning, Notable),
        "operator_changed_profile" => ("Profile changed by an administrator", Success, Normal),
        "operator_changed_roles" => ("Roles changed by an administrator", Warning, Notable),
        "operator_granted_admin" => ("Made an administrator", Warning, Notable),
        "operator_revoked_admin" => ("No longer an administrator", Warning, Notable),
        "operator_requested_password_reset" => (
            "Password reset requested by an administrator",
            Email,
            Normal,
        ),
        "operator_invited" => ("Invited by an administrator", Email, Normal),
        "invitation_sent" => ("Invitation sent", Email, Normal),
        "invitation_revoked" => ("Invitation revoked", Warning, Normal),
        "profile_updated" => ("Profile changed", Success, Normal),
        "reauthenticated" => ("Password confirmed", Key, Normal),
        "webhook_created" => ("Webhook created", Success, Notable),
        "webhook_changed" => ("Webhook changed", Success, Normal),
        "webhook_deleted" => ("Webhook deleted", Warning, Normal),
        "service_key_created" => ("Service key created", Key, Notable),
        "service_key_revoked" => ("Service key revoked", Key, Normal),
        // An event of a newer server.
        other => {
            let text = other.replace('_', " ");
            return Description {
                text,
                icon: Success,
                tone: Normal,
            };
        }
    };
    let text = match count {
        1 => text.to_owned(),
        count => format!("{text}, {count} times"),
    };
    Description { text, icon, tone }
}

#[cfg(test)]
mod tests {
    use super::{Tone, describe};

    #[test]
    fn events_are_described() {
        let text = |event, count| describe(event, count).text;
        assert_eq!(text("signed_in", 1), "Signed in");
        assert_eq!(text("sign_in_failed", 3), "Wrong password, 3 times");
        assert_eq!(text("moved_house", 1), "moved house");
        assert_eq!(describe("sign_in_failed", 3).tone, Tone::Failure);
    }
}
