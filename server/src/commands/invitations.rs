//! `latchkey user invite`, `invitations` and `revoke-invitation`. A running server sends the emails.

use accounts::{Administrator, Error, Invitation, email_for_display, printable};
use app::api::admin;

use super::{
    json_line, print_line,
    users::{failure, json, with_accounts},
    write_lines,
};
use crate::{config::Config, failure::Failure};

/// `latchkey user invite`
pub fn invite(
    config: &Config,
    email: &str,
    name: Option<&str>,
    roles: &[String],
    is_admin: bool,
    is_json: bool,
) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let invited = accounts.invite_by_operator(email.into(), name, roles, is_admin);
        let user = invited.await.map_err(|error| match error {
            Error::Throttled(_) => Failure::new(format!(
                "an invitation was sent to {email} a short time ago; wait two minutes at least"
            )),
            error => failure(error, email),
        })?;
        if is_json {
            return write_lines([json(&user)]);
        }
        print_line(format_args!(
            "Invited {}, who will have the ID {}",
            email_for_display(&user.email),
            user.id
        ))
    })
}

/// `latchkey user invitations`: prints one line per invitation with tab-separated columns, or as JSON.
pub fn list(config: &Config, is_json: bool) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let operator = Administrator::operator();
        let mut lines = Vec::new();
        if !is_json {
            lines.push("EMAIL\tID\tNAME\tROLES\tADMIN\tSENT\tEXPIRES\tBY".to_owned());
        }
        let mut cursor = None;
        loop {
            let page = accounts.list_invitations(&operator, Some("200"), cursor.as_deref());
            let page = page.await.map_err(Failure::new)?;
            lines.extend(page.invitations.into_iter().map(|invitation| {
                if is_json {
                    json_line(&admin::Invitation::from(invitation))
                } else {
                    line(&invitation)
                }
            }));
            cursor = page.next_cursor;
            if cursor.is_none() {
                return write_lines(lines);
            }
        }
    })
}

fn line(invitation: &Invitation) -> String {
    let by = match (&invitation.actor_name, invitation.actor_id) {
        (Some(name), _) => name.clone(),
        (None, Some(id)) => id.to_string(),
        (None, None) => "operator".to_owned(),
    };
    [
        &*email_for_display(&invitation.email),
        &invitation.id.to_string(),
        &invitation.name,
        &invitation.roles.comma_separated(),
        if invitation.is_admin { "yes" } else { "no" },
        &invitation.created_at.to_string(),
        &invitation.expires_at.to_string(),
        &by,
    ]
    .map(|column| printable(column))
    .join("\t")
}

/// `latchkey user revoke-invitation`
pub fn revoke(config: &Config, id: &str) -> Result<(), Failure> {
    with_accounts(config, async |accounts| {
        let operator = Administrator::operator();
        let revoked = accounts.revoke_invitation(&operator, id).await;
        revoked.map_err(|error| match error {
            Error::NotFound => Failure::new(format!("there is no invitation {id}")),
            error => Failure::new(error),
        })?;
        print_line(format_args!("Revoked the invitation {id}"))
    })
}
