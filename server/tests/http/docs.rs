//! The documents name every setting and every endpoint, and none that does not exist.

use std::{collections::BTreeSet, process::Command};

use crate::support::{ENDPOINTS, document};

/// The texts between `start` and `end`, wherever they occur.
fn between<'a>(text: &'a str, start: &str, end: &[char]) -> BTreeSet<&'a str> {
    text.split(start)
        .skip(1)
        .filter_map(|rest| rest.split(end).next())
        .collect()
}

#[test]
fn the_settings_in_the_documents_are_those_of_the_program() {
    let help = Command::new(env!("CARGO_BIN_EXE_latchkey"))
        .arg("--help")
        .env_clear()
        .output()
        .expect("the program starts");
    assert!(help.status.success(), "{help:?}");
    let help = String::from_utf8(help.stdout).expect("the help is UTF-8");
    let settings = between(&help, "[env: ", &['=', ']']);
    assert!(settings.len() > 20, "{settings:?}");
    let documented = document("settings.md");
    assert_eq!(between(&documented, "\n| `", &['`']), settings);
}

#[test]
fn the_endpoints_in_the_documents_are_those_of_the_program() {
    let endpoints: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|endpoint| format!("{} {}", endpoint.method, endpoint.path))
        .collect();
    let reference = document("api.md");
    let documented = between(&reference, "\n### `", &['`']);
    assert_eq!(documented, endpoints.iter().map(String::as_str).collect());
}
