//! The layout of the container's image: a root folder that can't be written, with next to nothing in it.

use std::{fs, path::Path, process::Command};

use crate::support::TestEnv;

/// Makes the image a read-only root folder with an empty one for the data, and runs the program in it.
const SCRIPT: &str = r#"
    mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" &&
    mount -t tmpfs -o mode=700 tmpfs "$1/data" &&
    exec chroot "$1" /latchkey "$2""#;

#[test]
fn runs_from_a_read_only_image() {
    let env = TestEnv::new();
    let image = env.folder().join("image");
    let program = env.command(&[]);
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/image");
    let laid_out = Command::new(packaging)
        .arg(&image)
        .arg(program.get_program())
        .status();
    assert!(laid_out.unwrap().success());
    // The tests' program does not contain a site.
    let copied = Command::new("cp")
        .arg("-r")
        .args([env.folder().join("site"), image.join("site")])
        .status();
    assert!(copied.unwrap().success());
    // Container engines add this file.
    fs::copy("/etc/hosts", image.join("etc/hosts")).unwrap();
    let settings = [
        ("LATCHKEY_DATA_DIR", "/data"),
        ("LATCHKEY_SITE_ROOT", "/site"),
        ("LATCHKEY_SMTP_URL", "smtps://127.0.0.1:1"),
    ];
    let run = |subcommand: &str| {
        let mut command = env.command_in_namespace(&settings, SCRIPT);
        command.arg(&image).arg(subcommand);
        command
    };
    let server = env.start_command(run("serve"));
    let pair = server.sign_up("ada@example.com");
    server.assert_valid(&pair);
    assert_eq!(server.get("/login").send().status, 200);
    // The certificate authorities are there, or the server would not start.
    assert!(server.log().contains("emails are sent to the SMTP server"));
    let output = env.run_command(run("health"), "");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "ok\n"),
        "{output:?}"
    );
}
