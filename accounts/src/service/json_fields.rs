//! Fields of any JSON type. In forms they are text. A field that is missing or null has no value.

use languages::tr_later;
use serde_json::Value;

use crate::{
    profile::{Roles, parse_metadata},
    validation::Validator,
};

/// Whether a field has a value, which may be empty.
pub(super) fn is_given(value: &Value) -> bool {
    !value.is_null()
}

/// Returns the text of a field.
pub(super) fn text<'a>(
    validator: &mut Validator,
    field: &'static str,
    value: &'a Value,
) -> Option<&'a str> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        _ => {
            validator.reject(field, tr_later("This must be text."));
            None
        }
    }
}

/// Returns the truth value of a field.
pub(super) fn boolean(
    validator: &mut Validator,
    field: &'static str,
    value: &Value,
) -> Option<bool> {
    match value {
        Value::Null => None,
        Value::Bool(value) => Some(*value),
        Value::String(text) => boolean_text(validator, field, Some(text)),
        _ => {
            validator.reject(field, tr_later("This must be true or false."));
            None
        }
    }
}

/// Returns the truth value of a text.
pub(super) fn boolean_text(
    validator: &mut Validator,
    field: &'static str,
    value: Option<&str>,
) -> Option<bool> {
    match value? {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            validator.reject(field, tr_later("This must be true or false."));
            None
        }
    }
}

/// Returns the roles in a field: an array of names, or a text with commas between them.
pub(super) fn roles(
    validator: &mut Validator,
    field: &'static str,
    value: &Value,
) -> Option<Roles> {
    let parsed = match value {
        Value::Null => return None,
        Value::String(text) => {
            let names = text.split([',', ' ']).filter(|name| !name.is_empty());
            Roles::parse(names)
        }
        Value::Array(names) => match names.iter().map(Value::as_str).collect::<Option<Vec<_>>>() {
            Some(names) => Roles::parse(names),
            None => Err(tr_later("This must be a list of names.")),
        },
        _ => Err(tr_later("This must be a list of names.")),
    };
    accept(validator, field, parsed)
}

/// Returns the JSON object in a field, which can be text, as it is stored.
pub(super) fn object(
    validator: &mut Validator,
    field: &'static str,
    value: &Value,
) -> Option<String> {
    let parsed = match value {
        Value::Null => return None,
        Value::String(text) => match serde_json::from_str(text) {
            Ok(value) => parse_metadata(&value),
            Err(_) => parse_metadata(&Value::Null),
        },
        value => parse_metadata(value),
    };
    accept(validator, field, parsed)
}

fn accept<T>(
    validator: &mut Validator,
    field: &'static str,
    parsed: Result<T, &'static str>,
) -> Option<T> {
    parsed
        .inspect_err(|message| validator.reject(field, *message))
        .ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a reader of fields makes of a value; `None` if it is rejected.
    fn read<T>(
        read: impl Fn(&mut Validator, &'static str, &Value) -> Option<T>,
        value: &Value,
    ) -> Option<Option<T>> {
        let mut validator = Validator::default();
        let result = read(&mut validator, "field", value);
        validator.is_empty().then_some(result)
    }

    #[test]
    fn values_are_read_from_json_and_from_forms() {
        assert_eq!(read(boolean, &json!(true)), Some(Some(true)));
        assert_eq!(read(boolean, &json!("false")), Some(Some(false)));
        assert_eq!(read(boolean, &json!(null)), Some(None));
        for value in [json!(1), json!("yes"), json!(""), json!([])] {
            assert_eq!(read(boolean, &value), None, "{value}");
        }
        let names =
            |value: &Value| read(roles, value).map(|roles| roles.map(|roles| roles.to_vec()));
        let both = Some(Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(names(&json!(["b", "a"])), both);
        assert_eq!(names(&json!("b, a")), both);
        assert_eq!(names(&json!([])), Some(Some(Vec::new())));
        assert_eq!(names(&json!("")), Some(Some(Vec::new())));
        assert_eq!(names(&json!(null)), Some(None));
        for value in [json!(["A"]), json!([1]), json!({}), json!(["a", null])] {
            assert_eq!(names(&value), None, "{value}");
        }
        let stored = Some(Some(r#"{"a":1}"#.to_owned()));
        assert_eq!(read(object, &json!({"a": 1})), stored);
        assert_eq!(read(object, &json!("{\"a\": 1}")), stored);
        for value in [
            json!([]),
            json!("[]"),
            json!("nonsense"),
            json!(""),
            json!(1),
        ] {
            assert_eq!(read(object, &value), None, "{value}");
        }
    }
}
