//! Files of breached passwords.

use std::fs;

use sha1::{Digest, Sha1};

use super::TestEnv;

/// Returns a list of these passwords in the format of Have I Been Pwned, each seen this number of times.
pub fn breached_list(passwords: &[(&str, u64)]) -> String {
    let mut lines: Vec<String> = passwords
        .iter()
        .map(|(password, count)| {
            let hash = Sha1::digest(password);
            let digits: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
            format!("{digits}:{count}\r\n")
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// Builds a file of these passwords with the program, and returns its path.
#[track_caller]
pub fn breached_passwords_file(env: &TestEnv, passwords: &[&str]) -> String {
    let passwords: Vec<_> = passwords.iter().map(|password| (*password, 1)).collect();
    let path = env.folder().join("breached.filter");
    let path = path.to_str().expect("a path in UTF-8").to_owned();
    let mut command = env.command(&[]);
    command.args(["passwords", "build", &path]);
    let output = env.run_command(command, &breached_list(&passwords));
    assert_eq!(output.code, Some(0), "{output:?}");
    let length = fs::metadata(&path).expect("the file").len();
    assert_eq!(
        output.stdout,
        format!("Wrote {path}: {} hashes, {length} bytes\n", passwords.len())
    );
    path
}
