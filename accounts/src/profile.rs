//! What a user's profile is made of: the name, the roles, and two JSON objects.

use std::collections::BTreeSet;

use languages::tr_later;
use serde_json::Value;

use crate::text;

/// The maximum length of a user's name, in characters.
const NAME_LIMIT: usize = 100;

/// How many roles a user can have.
const ROLES_LIMIT: usize = 32;

/// The maximum length of a role's name, in bytes.
const ROLE_LENGTH: usize = 32;

/// The maximum size of each JSON object, in bytes.
const METADATA_LIMIT: usize = 4096;
/// How deep such an object may be nested.
const DEPTH_LIMIT: usize = 32;

/// The roles of a user, in alphabetical order. Without roles, this takes no memory of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// The names, separated by spaces.
    names: Box<str>,
}

impl Roles {
    /// Reads a list of names.
    ///
    /// # Errors
    /// A message for the user, if a name has other characters or there are too many.
    pub(crate) fn parse<'a>(
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, &'static str> {
        let mut roles = BTreeSet::new();
        for name in names {
            if !is_role(name) {
                return Err(tr_later(
                    "A role has 1 to 32 characters: a to z, 0 to 9, _ and -.",
                ));
            }
            roles.insert(name);
            if roles.len() > ROLES_LIMIT {
                return Err(tr_later("A user has at most 32 roles."));
            }
        }
        Ok(Self::join(roles))
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.split(' ').filter(|name| !name.is_empty())
    }

    /// Whether this is one of the roles.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.iter().any(|role| role == name)
    }

    /// The names in a list.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    /// The names with a comma between them.
    #[must_use]
    pub fn comma_separated(&self) -> String {
        self.names.replace(' ', ",")
    }

    /// As stored: a JSON array.
    pub(crate) fn to_json(&self) -> String {
        Value::from_iter(self.iter()).to_string()
    }

    fn join(names: BTreeSet<&str>) -> Self {
        let names: Vec<_> = names.into_iter().collect();
        Self {
            names: names.join(" ").into(),
        }
    }
}

impl From<String> for Roles {
    /// Reads the roles as stored. What is no role, and may have been written by hand, is left out.
    fn from(json: String) -> Self {
        if json == "[]" {
            return Self::default();
        }
        let values: Vec<Value> = serde_json::from_str(&json).unwrap_or_default();
        let names = values.iter().filter_map(Value::as_str);
        Self::join(
            names
                .filter(|name| is_role(name))
                .take(ROLES_LIMIT)
                .collect(),
        )
    }
}

fn is_role(name: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-');
    (1..=ROLE_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The metadata of a user, as far as it is cached with the user: a larger object is read when it is
/// needed, so that users can't fill the memory of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum CachedMetadata {
    /// An empty object.
    #[default]
    Empty,
    /// A small object, as JSON.
    Small(Box<str>),
    /// An object that is not cached.
    Large,
}

impl From<Option<String>> for CachedMetadata {
    /// Reads the column, which is null where the object is not to be cached.
    fn from(json: Option<String>) -> Self {
        match json {
            None => Self::Large,
            Some(json) if json == "{}" => Self::Empty,
            Some(json) => Self::Small(json.into()),
        }
    }
}

/// Returns a user's name as it is stored; empty for none.
///
/// # Errors
/// A message for the user.
pub(crate) fn parse_name(name: &str) -> Result<String, &'static str> {
    let name = text::nfc(text::trim(name));
    if name.chars().count() > NAME_LIMIT {
        return Err(tr_later("A name has at most 100 characters."));
    }
    if name.contains(text::is_control) {
        return Err(tr_later("A name has no control characters."));
    }
    Ok(name.into_owned())
}

/// Returns a JSON object as it is stored.
///
/// # Errors
/// A message for the user.
pub(crate) fn parse_metadata(value: &Value) -> Result<String, &'static str> {
    if !value.is_object() {
        return Err(tr_later("This must be a JSON object."));
    }
    let json = value.to_string();
    if json.len() > METADATA_LIMIT {
        return Err(tr_later("This has more than 4096 bytes as JSON."));
    }
    // Readers of JSON have limits, and this one is part of larger objects.
    if depth(value) > DEPTH_LIMIT {
        return Err(tr_later("This is nested more than 32 levels deep."));
    }
    // PostgreSQL can't do anything with such texts.
    if json.contains("\\u0000") && has_nul(value) {
        return Err(tr_later("Texts in it can't contain the character NUL."));
    }
    Ok(json)
}

/// How many objects and arrays are inside one another. Reading the value has limited that already.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
        Value::Object(entries) => 1 + entries.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(values) => values.iter().any(has_nul),
        Value::Object(entries) => entries
            .iter()
            .any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Reads a JSON object as it is stored. One that was broken by hand counts as empty.
pub(crate) fn stored_metadata(json: &str) -> Value {
    let empty = || Value::Object(serde_json::Map::new());
    if json == "{}" {
        return empty();
    }
    serde_json::from_str(json).unwrap_or_else(|_| empty())
}

/// What a new user's profile starts with. The objects are JSON.
#[derive(Clone, Debug)]
pub(crate) struct NewProfile {
    pub name: String,
    pub roles: Roles,
    pub metadata: String,
    pub app_metadata: String,
}

impl NewProfile {
    /// A profile that has only a name, which may be empty.
    pub fn named(name: String) -> Self {
        Self {
            name,
            roles: Roles::default(),
            metadata: "{}".to_owned(),
            app_metadata: "{}".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn roles_are_short_names_in_order() {
        let roles = Roles::parse(["editor", "admin-2", "editor", "a_b"]).unwrap();
        assert_eq!(roles.to_vec(), ["a_b", "admin-2", "editor"]);
        assert_eq!(roles.to_json(), r#"["a_b","admin-2","editor"]"#);
        assert_eq!(roles.comma_separated(), "a_b,admin-2,editor");
        assert_eq!(Roles::from(roles.to_json()), roles);
        assert!(roles.contains("editor") && !roles.contains("edit"));
        assert!(!Roles::default().contains(""));
        assert_eq!(Roles::default().to_json(), "[]");
        let long = "x".repeat(33);
        for invalid in ["", "A", "a b", "a,b", "ä", "a\n", &long] {
            assert!(Roles::parse([invalid]).is_err(), "{invalid:?}");
        }
        let names: Vec<_> = (0..33).map(|number| format!("r{number}")).collect();
        assert!(Roles::parse(names.iter().map(String::as_str)).is_err());
        assert!(Roles::parse(names[1..].iter().map(String::as_str)).is_ok());
    }

    #[test]
    fn roles_that_were_written_by_hand_are_read_as_far_as_they_are_some() {
        let read = |json: &str| Roles::from(json.to_owned()).to_vec();
        assert_eq!(read(r#"["b", "a", 3, null, "X", "a"]"#), ["a", "b"]);
        assert_eq!(read("nonsense"), [""; 0]);
        assert_eq!(read("{}"), [""; 0]);
    }

    #[test]
    fn a_name_is_trimmed_text_on_one_line() {
        assert_eq!(parse_name(" Ada\u{200b} ").unwrap(), "Ada");
        assert_eq!(parse_name("e\u{301}").unwrap(), "é");
        assert_eq!(parse_name("").unwrap(), "");
        assert!(parse_name(&"é".repeat(100)).is_ok());
        assert!(parse_name(&"x".repeat(101)).is_err());
        for control in ["a\nb", "a\u{202e}b", "a\tb", "a\0b"] {
            assert!(parse_name(control).is_err(), "{control:?}");
        }
    }

    #[test]
    fn metadata_is_a_bounded_object() {
        assert_eq!(
            parse_metadata(&json!({"b": 1, "a": [null]})).unwrap(),
            r#"{"a":[null],"b":1}"#
        );
        for value in [json!([]), json!("{}"), json!(null), json!(1)] {
            assert!(parse_metadata(&value).is_err(), "{value}");
        }
        // `{"a":"…"}` has 8 bytes besides the text.
        assert!(parse_metadata(&json!({"a": "x".repeat(4088)})).is_ok());
        assert!(parse_metadata(&json!({"a": "x".repeat(4089)})).is_err());
        for value in [
            json!({"a": "\0"}),
            json!({"\0": 1}),
            json!({"a": [{"b": "x\0"}]}),
        ] {
            assert!(parse_metadata(&value).is_err(), "{value}");
        }
        // A backslash before "u0000" is another text.
        assert!(parse_metadata(&json!({"a": "\\u0000"})).is_ok());
    }
}
