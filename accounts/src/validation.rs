//! Validates the fields of a request, and collects all errors.

use std::borrow::Cow;

use languages::tr_later;

use crate::error::{Error, FieldErrors};

const REQUIRED: &str = tr_later("This field is required.");

/// Collects the errors of a request's fields, so that the response names all of them at once.
#[derive(Default)]
pub(crate) struct Validator(FieldErrors);

impl Validator {
    /// Returns the text of a field that must be neither missing nor empty.
    pub fn required<'a>(&mut self, field: &'static str, value: Option<&'a str>) -> Option<&'a str> {
        let value = value.filter(|value| !value.is_empty());
        if value.is_none() {
            self.reject(field, REQUIRED);
        }
        value
    }

    /// Adds an error to a field.
    pub fn reject(&mut self, field: &'static str, message: impl Into<Cow<'static, str>>) {
        self.0.entry(field).or_default().push(message.into());
    }

    /// Whether this field has no error so far.
    pub fn is_valid(&self, field: &'static str) -> bool {
        !self.0.contains_key(field)
    }

    /// Whether no field has an error so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over the field errors of a check that was made elsewhere.
    pub fn merge<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Fields(fields)) => {
                self.0.extend(fields);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the collected errors.
    pub fn into_error(self) -> Error {
        Error::Fields(self.0)
    }
}

/// Returns the text of the only field of a request.
pub(crate) fn required_field<'a>(
    field: &'static str,
    value: Option<&'a str>,
) -> Result<&'a str, Error> {
    let mut validator = Validator::default();
    validator
        .required(field, value)
        .ok_or_else(|| validator.into_error())
}
