//! The events of an account in words.

use languages::{tr, tr_with};

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
        "signed_in" => (tr("Signed in"), SignIn, Normal),
        "sign_in_pending" => (
            tr("Signing in, two-factor authentication pending"),
            Key,
            Normal,
        ),
        "social_sign_in_pending" => (
            tr("Signed in with a provider, two-factor authentication pending"),
            Key,
            Normal,
        ),
        "identity_linked" => (tr("Account at a provider linked"), Key, Notable),
        "identity_unlinked" => (tr("Account at a provider unlinked"), Warning, Notable),
        "sign_in_failed" => (tr("Wrong password"), Error, Failure),
        "sign_in_code_requested" => (tr("Code to sign in requested"), Email, Normal),
        "sign_in_code_used" => (tr("Emailed code accepted"), Key, Normal),
        "sign_in_code_failed" => (tr("Wrong emailed code"), Error, Failure),
        "second_factor_passed" => (tr("Completed two-factor authentication"), Key, Normal),
        "second_factor_failed" => (tr("Wrong code"), Error, Failure),
        "device_trusted" => (tr("Device trusted for 30 days"), Security, Notable),
        "trusted_devices_forgotten" => (tr("Trusted devices forgotten"), Security, Normal),
        "second_factor_on" => (tr("Two-factor authentication turned on"), Security, Normal),
        "second_factor_off" => (tr("Two-factor authentication turned off"), Warning, Notable),
        "recovery_code_used" => (tr("Recovery code used"), Warning, Notable),
        "recovery_codes_replaced" => (tr("New recovery codes created"), Key, Normal),
        "refresh_token_reused" => (
            tr("Signed out because the session may have been stolen"),
            Error,
            Failure,
        ),
        "signed_out" => (tr("Signed out"), SignOut, Normal),
        "signed_out_everywhere" => (tr("Signed out everywhere"), SignOut, Normal),
        "session_revoked" => (tr("Signed out a device"), SignOut, Normal),
        "session_rejected" => (
            tr("Device signed out with an emailed link"),
            Warning,
            Notable,
        ),
        "registered" => (tr("Account created"), Success, Normal),
        "address_confirmed" => (tr("Email address confirmed"), Success, Normal),
        "account_deleted" => (tr("Account deleted"), Warning, Notable),
        "account_rejected" => (tr("Account rejected with an emailed link"), Error, Failure),
        "password_reset_requested" => (tr("Password reset requested"), Email, Normal),
        "password_changed" => (tr("Password changed"), Key, Normal),
        "password_removed" => (tr("Password removed"), Warning, Notable),
        "password_reset" => (tr("Password reset with an emailed link"), Warning, Notable),
        "email_change_requested" => (tr("Email change requested"), Email, Normal),
        "email_changed" => (tr("Email changed"), Warning, Notable),
        "email_change_undone" => (tr("Email change taken back"), Warning, Notable),
        "email_undeliverable" => (tr("An email to you could not be delivered"), Error, Failure),
        "operator_created" => (tr("Account created by an administrator"), Success, Normal),
        "operator_verified" => (
            tr("Email address confirmed by an administrator"),
            Success,
            Normal,
        ),
        "operator_deactivated" => (
            tr("Account deactivated by an administrator"),
            Warning,
            Notable,
        ),
        "operator_activated" => (tr("Account activated by an administrator"), Success, Normal),
        "operator_signed_out" => (
            tr("Signed out everywhere by an administrator"),
            SignOut,
            Notable,
        ),
        "operator_reset_otp" => (
            tr("Two-factor authentication removed by an administrator"),
            Warning,
            Notable,
        ),
        "operator_set_password" => (tr("New password set by an administrator"), Warning, Notable),
        "operator_changed_email" => (tr("Email changed by an administrator"), Warning, Notable),
        "operator_changed_profile" => (tr("Profile changed by an administrator"), Success, Normal),
        "operator_changed_roles" => (tr("Roles changed by an administrator"), Warning, Notable),
        "operator_granted_admin" => (tr("Made an administrator"), Warning, Notable),
        "operator_revoked_admin" => (tr("No longer an administrator"), Warning, Notable),
        "operator_requested_password_reset" => (
            tr("Password reset requested by an administrator"),
            Email,
            Normal,
        ),
        "operator_invited" => (tr("Invited by an administrator"), Email, Normal),
        "invitation_sent" => (tr("Invitation sent"), Email, Normal),
        "invitation_revoked" => (tr("Invitation revoked"), Warning, Normal),
        "profile_updated" => (tr("Profile changed"), Success, Normal),
        "reauthenticated" => (tr("Identity confirmed"), Key, Normal),
        "totp_added" => (tr("Authenticator app added"), Key, Notable),
        "totp_removed" => (tr("Authenticator app removed"), Key, Notable),
        "passkey_added" => (tr("Passkey added"), Key, Notable),
        "passkey_removed" => (tr("Passkey removed"), Key, Notable),
        "passkey_refused" => (
            tr("Passkey refused because there may be a copy of it"),
            Error,
            Failure,
        ),
        "webhook_created" => (tr("Webhook created"), Success, Notable),
        "webhook_changed" => (tr("Webhook changed"), Success, Normal),
        "webhook_deleted" => (tr("Webhook deleted"), Warning, Normal),
        "service_key_created" => (tr("Service key created"), Key, Notable),
        "service_key_revoked" => (tr("Service key revoked"), Key, Normal),
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
        count => tr_with(
            "{event}, {count} times",
            &[("event", text), ("count", &count.to_string())],
        ),
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
