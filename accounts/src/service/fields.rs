//! Request fields that several use cases share, and their messages.

use languages::tr_later;

use crate::{email::address::EmailAddress, error::Error, id::Id, profile, validation::Validator};

/// The field in which a signed-in user repeats the password.
pub(super) const CURRENT_PASSWORD: &str = "current_password";

/// The field with the token of an emailed link.
pub(super) const TOKEN: &str = "token";

/// The field with the password of an account that is not signed in.
pub(super) const PASSWORD: &str = "password";

/// The field with the name of a user, or of what belongs to one.
const NAME: &str = "name";

pub(super) const INCORRECT_PASSWORD: &str = tr_later("Incorrect password.");

pub(super) const EMAIL_TAKEN: &str = tr_later("A user with that email already exists.");

pub(super) const INVALID_LINK: &str = tr_later(
    "This link no longer works. It may have expired, been used, or been replaced by a newer one.",
);

/// The error for an emailed link that no longer works.
pub(super) fn invalid_link() -> Error {
    Error::field(TOKEN, INVALID_LINK)
}

/// Reads a required email address that an account is to have.
pub(super) fn email_address(
    field: &'static str,
    value: Option<&str>,
) -> Result<EmailAddress, Error> {
    parse_email(field, value, EmailAddress::parse)
}

/// Reads the required email address of an account that may exist.
pub(super) fn existing_email_address(
    field: &'static str,
    value: Option<&str>,
) -> Result<EmailAddress, Error> {
    parse_email(field, value, EmailAddress::parse_existing)
}

fn parse_email(
    field: &'static str,
    value: Option<&str>,
    parse: fn(&str) -> Result<EmailAddress, &'static str>,
) -> Result<EmailAddress, Error> {
    let mut validator = Validator::default();
    match validator.required(field, value).map(parse) {
        Some(Ok(address)) => return Ok(address),
        Some(Err(message)) => validator.reject(field, message),
        None => {}
    }
    Err(validator.into_error())
}

/// Returns the name of a user, if there is one that is allowed. Otherwise the validator has the error.
pub(super) fn checked_name(validator: &mut Validator, name: Option<&str>) -> Option<String> {
    match profile::parse_name(name?) {
        Ok(name) => Some(name),
        Err(message) => {
            validator.reject(NAME, message);
            None
        }
    }
}

/// Returns the name of a passkey or an authenticator app, if it is allowed. Otherwise the validator has the error.
pub(super) fn label(validator: &mut Validator, name: &str) -> Option<String> {
    let name = checked_name(validator, Some(name))?;
    validator.required(NAME, Some(&name)).map(str::to_owned)
}

/// Reads the id of a passkey or an authenticator app, and its new name.
///
/// # Errors
/// Field errors for what is missing, and for a name that is too long; `NotFound` for what is no id.
pub(super) fn id_and_name(id: Option<&str>, name: Option<&str>) -> Result<(Id, String), Error> {
    let mut validator = Validator::default();
    let id = validator.required("id", id);
    let name = validator
        .required(NAME, name)
        .and_then(|name| label(&mut validator, name));
    let (Some(id), Some(name)) = (id, name) else {
        return Err(validator.into_error());
    };
    Ok((id.parse().map_err(|_| Error::NotFound)?, name))
}
