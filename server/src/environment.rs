//! Where the values of settings come from: variables, files that variables name, and the `.env` file.

use std::{
    collections::BTreeMap,
    env,
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::Path,
};

use accounts::read_file;

use crate::failure::Failure;

/// The file in the working folder.
const ENV_FILE: &str = ".env";

/// The suffix of a variable that names a file with the value.
const FILE_SUFFIX: &str = "_FILE";

/// The prefix of all of our variables but `DATABASE_URL`.
const PREFIX: &str = "LATCHKEY_";

/// The former names of settings.
const FORMER: [(&str, &str); 1] = [("LATCHKEY_DB_ACQUIRE_TIMEOUT", "LATCHKEY_DB_WAIT")];

/// The longest value in a file, in bytes.
const MAX_LENGTH: u64 = 64 * 1024;

/// How much a name must be like one of ours to be taken for a mistyped one, from 0 to 1.
const SIMILARITY: f64 = 0.9;

/// The variables by name. An empty one is like one that is not set.
type Variables = BTreeMap<String, OsString>;

/// The variables of the process, and those of the `.env` file, which the former replace.
pub struct Environment {
    layers: [Variables; 2],
}

/// The value of a setting, and the variable that it comes from.
pub struct Value {
    pub variable: String,
    pub text: OsString,
}

impl Environment {
    /// Reads the variables of the process and the `.env` file in the working folder, if there is one.
    ///
    /// # Errors
    /// When the file can't be read. The message contains nothing of it, as it may hold secrets.
    pub fn read() -> Result<Self, Failure> {
        let failed = |reason: &dyn std::fmt::Display| {
            Failure::new(format!("{ENV_FILE} can't be read: {reason}"))
        };
        let file = match std::fs::read_to_string(ENV_FILE) {
            Ok(text) => parse(&text).map_err(|line| {
                failed(&format_args!(
                    "line {line} is neither NAME=value nor a comment"
                ))
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed(&error)),
        };
        let file = file.into_iter().map(|(name, value)| (name, value.into()));
        Ok(Self {
            layers: [variables(process_variables()), variables(file)],
        })
    }

    /// Reads the variables of the process only.
    pub fn of_process() -> Self {
        Self {
            layers: [variables(process_variables()), Variables::new()],
        }
    }

    /// Returns the value of a setting: that of its variable, or the content of the file that the
    /// variable with the suffix `_FILE` names.
    ///
    /// # Errors
    /// When both are set, or the file can't be used.
    pub fn value(&self, variable: &str) -> Result<Option<Value>, Failure> {
        let former = FORMER.iter().filter(|(current, _)| *current == variable);
        let names = [variable]
            .into_iter()
            .chain(former.map(|(_, former)| *former));
        for (layer, name) in self
            .layers
            .iter()
            .flat_map(|layer| names.clone().map(move |name| (layer, name)))
        {
            let file = format!("{name}{FILE_SUFFIX}");
            return match (layer.get(name), layer.get(&file)) {
                (Some(_), Some(_)) => Err(Failure::new(format!(
                    "{name} and {file} are both set; leave one of them out"
                ))),
                (Some(text), None) => Ok(Some(Value {
                    variable: name.to_owned(),
                    text: text.clone(),
                })),
                (None, Some(path)) => match read(Path::new(path)) {
                    Ok(text) => Ok(Some(Value {
                        variable: file,
                        text: text.into(),
                    })),
                    Err(reason) => Err(Failure::new(format!(
                        "{file}: can't use {}: {reason}",
                        Path::new(path).display()
                    ))),
                },
                (None, None) => continue,
            };
        }
        Ok(None)
    }

    /// Returns the names of all variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.layers.iter().flat_map(Variables::keys);
        names.map(String::as_str)
    }

    /// Returns a warning for each variable that looks like a setting and is none, given all variables
    /// of settings, and what else is one.
    pub fn warnings(&self, known: &[&OsStr], is_other: impl Fn(&str) -> bool) -> Vec<String> {
        let known = known.iter().filter_map(|name| name.to_str());
        let known: Vec<_> = known.chain(FORMER.map(|(_, former)| former)).collect();
        let is_known = |name: &str| {
            let without = name.strip_suffix(FILE_SUFFIX);
            known.contains(&name)
                || without.is_some_and(|name| known.contains(&name))
                || is_other(name)
        };
        let unknown = self
            .names()
            .filter(|name| name.starts_with(PREFIX) && !is_known(name));
        unknown.map(|name| warning(name, &known)).collect()
    }
}

fn warning(name: &str, known: &[&str]) -> String {
    let similarity = |known: &&&str| {
        strsim::jaro_winkler(&name[PREFIX.len()..], known.trim_start_matches(PREFIX))
    };
    let most_similar = known
        .iter()
        .max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    match most_similar.filter(|known| similarity(known) >= SIMILARITY) {
        Some(known) => format!("{name} is not a setting and is ignored; did you mean {known}?"),
        None => format!("{name} is not a setting and is ignored"),
    }
}

/// The variables of the process whose names are Unicode.
fn process_variables() -> impl Iterator<Item = (String, OsString)> {
    env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
}

fn variables(all: impl Iterator<Item = (String, OsString)>) -> Variables {
    all.filter(|(_, value)| !value.is_empty()).collect()
}

/// Reads the value in a file, without the line break at its end, and the mark with which some editors
/// begin a file.
fn read(path: &Path) -> Result<String, String> {
    let content = read_file(path, MAX_LENGTH).map_err(|error| error.to_string())?;
    let content = content.ok_or_else(|| format!("it is longer than {} KiB", MAX_LENGTH / 1024))?;
    let text = String::from_utf8(content).map_err(|_| "it is not valid UTF-8")?;
    let text = text.trim_start_matches('\u{feff}');
    match text.trim_end_matches(['\n', '\r']) {
        "" => Err("it is empty".to_owned()),
        value => Ok(value.to_owned()),
    }
}

/// Parses a `.env` file. A line is a comment that begins with `#`, or `NAME=value`. The value is what
/// is written, without white space around it, and without quotation marks if it is in a pair of them.
/// Nothing in it is replaced. The error is the number of an invalid line, counted from 1.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let text = text.trim_start_matches('\u{feff}');
    let lines = text
        .lines()
        .zip(1..)
        .map(|(line, number)| (line.trim(), number));
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let (name, value) = line.split_once('=').ok_or(number)?;
            let name = name.trim();
            if !is_name(name) {
                return Err(number);
            }
            Ok((name.to_owned(), unquoted(value.trim()).to_owned()))
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    !name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(is_part)
}

fn unquoted(value: &str) -> &str {
    let inside = |mark| value.strip_prefix(mark)?.strip_suffix(mark);
    inside('"').or_else(|| inside('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<(String, String)>, usize> {
        parse(text)
    }

    #[test]
    fn values_in_the_file_are_literal() {
        for (written, value) in [
            ("pa$word", "pa$word"),
            ("pa${HOME}word", "pa${HOME}word"),
            ("$(id)", "$(id)"),
            (r"back\slash\n", r"back\slash\n"),
            ("a=b=c", "a=b=c"),
            ("pa#word", "pa#word"),
            ("pa #word", "pa #word"),
            ("  spaces around  ", "spaces around"),
            ("\" kept \"", " kept "),
            ("'it is \"so\"'", "it is \"so\""),
            ("\"one", "\"one"),
            ("\"", "\""),
            ("\"\"", ""),
            ("", ""),
            ("`x`;&|<>*?", "`x`;&|<>*?"),
            ("mit Ümläut", "mit Ümläut"),
        ] {
            for line in [format!("A={written}"), format!("export A = {written}\r")] {
                let expected = vec![("A".to_owned(), value.to_owned())];
                assert_eq!(parsed(&line), Ok(expected), "{line}");
            }
        }
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_and_other_lines_are_invalid() {
        let text = "\u{feff}# comment\n\n   # another\r\nA=1\n\tB = 2 \n";
        let expected = [("A", "1"), ("B", "2")];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(parsed(text), Ok(expected));
        for (text, line) in [
            ("A=1\nhush-hush", 2),
            ("=x", 1),
            ("#\n\n1A=x", 3),
            ("A B=x", 1),
            ("A-B=x", 1),
        ] {
            assert_eq!(parsed(text), Err(line), "{text}");
        }
    }

    fn environment(process: &[(&str, &str)], file: &[(&str, &str)]) -> Environment {
        let layer = |all: &[(&str, &str)]| {
            variables(
                all.iter()
                    .map(|(name, value)| (name.to_string(), value.into())),
            )
        };
        Environment {
            layers: [layer(process), layer(file)],
        }
    }

    fn value(process: &[(&str, &str)], file: &[(&str, &str)], variable: &str) -> Option<String> {
        let value = environment(process, file).value(variable).unwrap()?;
        Some(format!("{}={}", value.variable, value.text.to_str()?))
    }

    #[test]
    fn the_first_source_with_a_value_wins() {
        let (wait, former) = FORMER[0];
        assert_eq!(value(&[("A", "1")], &[("A", "2")], "A").unwrap(), "A=1");
        assert_eq!(value(&[("A", "")], &[("A", "2")], "A").unwrap(), "A=2");
        assert_eq!(value(&[("A", "")], &[("A", "")], "A"), None);
        assert_eq!(
            value(&[("A", "1")], &[("A_FILE", "/none")], "A").unwrap(),
            "A=1"
        );
        let both = [(former, "1s"), (wait, "2s")];
        assert_eq!(value(&both, &[], wait).unwrap(), format!("{wait}=2s"));
        assert_eq!(
            value(&both[..1], &[], wait).unwrap(),
            format!("{former}=1s")
        );
    }

    #[test]
    fn a_file_can_hold_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        let name = path.to_str().unwrap();
        for (content, text) in [("pa$word\n", "pa$word"), (" a \r\n", " a "), ("x", "x")] {
            std::fs::write(&path, content).unwrap();
            let found = value(&[("A", ""), ("A_FILE", name)], &[], "A");
            assert_eq!(found.unwrap(), format!("A_FILE={text}"));
        }
        let longest = "x".repeat(64 * 1024);
        std::fs::write(&path, &longest).unwrap();
        assert!(value(&[("A_FILE", name)], &[], "A").is_some());
        let failure = |process: &[(&str, &str)]| {
            environment(process, &[])
                .value("A")
                .err()
                .unwrap()
                .to_string()
        };
        for content in [longest + "x", String::new(), "\n".to_owned()] {
            std::fs::write(&path, content).unwrap();
            let line = failure(&[("A_FILE", name)]);
            assert!(line.starts_with("A_FILE: can't use "), "{line}");
        }
        std::fs::write(&path, [0xff]).unwrap();
        failure(&[("A_FILE", name)]);
        failure(&[("A_FILE", "/no/such/file")]);
        failure(&[("A_FILE", "/")]);
        let line = failure(&[("A", "1"), ("A_FILE", name)]);
        assert!(line.starts_with("A and A_FILE are both set"), "{line}");
    }

    #[test]
    fn unknown_names_are_reported_with_a_suggestion() {
        let known = ["LATCHKEY_LISTEN", "LATCHKEY_SMTP_URL", "DATABASE_URL"].map(OsStr::new);
        let warnings = |name| {
            environment(&[(name, "secret")], &[]).warnings(&known, |name| name == "LATCHKEY_OTHER")
        };
        for name in [
            "LATCHKEY_OTHER",
            "LATCHKEY_LISTEN",
            "LATCHKEY_SMTP_URL_FILE",
            "LATCHKEY_DB_WAIT",
            "PATH",
            "DATABASE",
        ] {
            assert_eq!(warnings(name), [""; 0], "{name}");
        }
        let ignored = "is not a setting and is ignored";
        let mistyped = format!("LATCHKEY_SMPT_URL {ignored}; did you mean LATCHKEY_SMTP_URL?");
        assert_eq!(warnings("LATCHKEY_SMPT_URL"), [mistyped]);
        // What Kubernetes sets for a service with our name.
        for name in [
            "LATCHKEY_PORT",
            "LATCHKEY_SERVICE_HOST",
            "LATCHKEY_PORT_3000_TCP_ADDR",
            "LATCHKEY_",
        ] {
            assert_eq!(warnings(name), [format!("{name} {ignored}")]);
        }
    }
}
