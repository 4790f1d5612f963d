//! The text fields of requests.

use std::fmt;

#[cfg(feature = "ssr")]
use languages::tr;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

#[cfg(feature = "ssr")]
use super::error::{ApiError, FieldErrors};

/// A text field as received. Any JSON type is accepted at first, so that one response can name all
/// invalid fields.
///
/// `Debug` does not show the text, which may be a password or a token.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Text {
    /// Missing, null or empty.
    #[default]
    Absent,
    /// A number, an array, or anything else that is not text.
    NotText,
    /// One or more characters, exactly as sent.
    Present(String),
}

impl Text {
    /// Returns the text, or an empty one if there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Present(text) => text,
            Self::Absent | Self::NotText => "",
        }
    }
}

/// For a field that is judged together with fields of other types: what is no text is a value that no text
/// field accepts.
#[cfg(feature = "ssr")]
impl From<Text> for serde_json::Value {
    fn from(text: Text) -> Self {
        match text {
            Text::Absent => Self::Null,
            Text::NotText => Self::Bool(false),
            Text::Present(text) => Self::String(text),
        }
    }
}

/// Returns the texts of the named fields, in the same order.
///
/// # Errors
/// Field errors for all fields that are not text.
#[cfg(feature = "ssr")]
pub fn text_fields<'a, const N: usize>(
    fields: [(&'static str, &'a Text); N],
) -> Result<[Option<&'a str>; N], ApiError> {
    let errors: FieldErrors = fields
        .iter()
        .filter(|(_, text)| **text == Text::NotText)
        .map(|(name, _)| ((*name).into(), vec![tr("This must be text.").into()]))
        .collect();
    if !errors.is_empty() {
        return Err(ApiError::Fields(errors));
    }
    Ok(fields.map(|(_, text)| match text {
        Text::Present(text) => Some(text.as_str()),
        Text::Absent | Text::NotText => None,
    }))
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        if text.is_empty() {
            Self::Absent
        } else {
            Self::Present(text)
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::NotText => "NotText",
            Self::Present(_) => "Present(…)",
        })
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A truth value as received. In a form it is the text `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flag {
    /// Missing, null or empty.
    #[default]
    Absent,
    /// Something else.
    Invalid,
    /// True or false.
    Present(bool),
}

impl Flag {
    /// Returns whether the field with this name is true.
    ///
    /// # Errors
    /// A field error for anything that is no truth value.
    #[cfg(feature = "ssr")]
    pub fn is_true(self, name: &'static str) -> Result<bool, ApiError> {
        match self {
            Self::Absent => Ok(false),
            Self::Present(value) => Ok(value),
            Self::Invalid => {
                let message = tr("This must be true or false.").into();
                let errors = FieldErrors::from([(name.into(), vec![message])]);
                Err(ApiError::Fields(errors))
            }
        }
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Present(value) => serializer.serialize_bool(*value),
            Self::Absent | Self::Invalid => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Received {
            Bool(bool),
            Other(Text),
        }
        Ok(match Received::deserialize(deserializer)? {
            Received::Bool(value) => Self::Present(value),
            Received::Other(Text::Absent) => Self::Absent,
            Received::Other(text) => match text.as_str() {
                "true" => Self::Present(true),
                "false" => Self::Present(false),
                _ => Self::Invalid,
            },
        })
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(text.into())
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text::Absent)
    }

    fn visit_none<E>(self) -> Result<Text, E> {
        Ok(Text::Absent)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        Text::deserialize(deserializer)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text::NotText)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text::NotText)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text::NotText)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
        Ok(Text::NotText)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Text, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text::NotText)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Text, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text::NotText)
    }
}
