//! Values in texts.

/// Returns the text with the values in place of their names: `{email}`. A name without a value stays.
#[must_use]
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, after))
        });
        rest = match value {
            Some((value, after)) => {
                filled.push_str(value);
                after
            }
            None => {
                filled.push('{');
                after
            }
        };
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn a_value_is_never_searched_for_names() {
        let values = [("a", "{b}"), ("b", "2")];
        assert_eq!(fill("{a} and {b}", &values), "{b} and 2");
    }

    #[test]
    fn other_braces_stay() {
        assert_eq!(fill("{", &[("a", "1")]), "{");
        assert_eq!(fill("{{a}} {c} {a", &[("a", "1")]), "{1} {c} {a");
    }
}
