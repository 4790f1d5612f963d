//! What a client gave, and what is wrong with it.

use std::{borrow::Cow, collections::BTreeMap};

use crate::Error;

/// A field as a client gave it.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    /// Missing, null or empty.
    Nothing,
    /// A number, a list, anything that is not text.
    NotText,
    /// One character or more.
    Text(&'a str),
}

impl<'a> From<&'a str> for Given<'a> {
    fn from(text: &'a str) -> Self {
        if text.is_empty() {
            Self::Nothing
        } else {
            Self::Text(text)
        }
    }
}

/// Sentences for a person, by the field that they are about.
pub type FieldErrors = BTreeMap<&'static str, Vec<Cow<'static, str>>>;

/// Collects what is wrong with the fields of one request, so that all is told at once.
#[derive(Default)]
pub(crate) struct Checks(FieldErrors);

impl Checks {
    /// The text of a field that must be there; without it a message is kept.
    pub fn required<'a>(&mut self, field: &'static str, given: Given<'a>) -> Option<&'a str> {
        match given {
            Given::Text(text) => return Some(text),
            Given::Nothing => self.refuse(field, "This field is required."),
            Given::NotText => self.refuse(field, "This must be text."),
        }
        None
    }

    /// Keeps a message.
    pub fn refuse(&mut self, field: &'static str, message: impl Into<Cow<'static, str>>) {
        self.0.entry(field).or_default().push(message.into());
    }

    /// Whether this field has passed so far.
    pub fn passed(&self, field: &'static str) -> bool {
        !self.0.contains_key(field)
    }

    /// Keeps the messages of a check that was made elsewhere.
    pub fn absorb<T>(&mut self, result: Result<T, Error>) -> Result<Option<T>, Error> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Fields(fields)) => {
                self.0.extend(fields);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The kept messages as an error.
    pub fn into_error(self) -> Error {
        Error::Fields(self.0)
    }
}

/// The text of the one field of a request.
pub(crate) fn only<'a>(field: &'static str, given: Given<'a>) -> Result<&'a str, Error> {
    let mut checks = Checks::default();
    checks
        .required(field, given)
        .ok_or_else(|| checks.into_error())
}
