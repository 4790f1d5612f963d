//! TLS to a PostgreSQL server whose certificate comes from a private authority.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use url::Url;

use crate::support::{Database, TestEnv, postgres_administration};

/// Creates an authority and a certificate of it for the name `localhost`. Returns the authority, the
/// certificate and its key in PEM.
fn certificate() -> [String; 3] {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a certificate can be set up");
    let authority =
        CertifiedIssuer::self_signed(authority, key).expect("a certificate can be set up");
    let key = KeyPair::generate().expect("a certificate can be set up");
    let params =
        CertificateParams::new(["localhost".to_owned()]).expect("a certificate can be set up");
    let certificate = params
        .signed_by(&key, &authority)
        .expect("a certificate can be set up");
    [authority.pem(), certificate.pem(), key.serialize_pem()]
}

/// A PostgreSQL server that uses TLS, until it is dropped.
struct WithTls;

impl WithTls {
    /// Gives the server this certificate and key, in a folder that it can read.
    fn start(folder: &Path, certificate: &str, key: &str) -> Self {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
            .expect("a certificate can be set up");
        for (setting, content) in [("ssl_cert_file", certificate), ("ssl_key_file", key)] {
            let file = folder.join(setting);
            fs::write(&file, content).expect("a certificate can be set up");
            // The server refuses a key that others can read.
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
                .expect("a certificate can be set up");
            if rustix::process::getuid().is_root() {
                let chown = std::process::Command::new("chown")
                    .arg("postgres")
                    .arg(&file)
                    .status();
                assert!(chown.expect("a certificate can be set up").success());
            }
            let set = format!("ALTER SYSTEM SET {setting} = '{}'", file.display());
            postgres_administration(&set);
        }
        postgres_administration("ALTER SYSTEM SET ssl = on");
        postgres_administration("SELECT pg_reload_conf()");
        Self
    }
}

impl Drop for WithTls {
    fn drop(&mut self) {
        for setting in ["ssl", "ssl_cert_file", "ssl_key_file"] {
            postgres_administration(&format!("ALTER SYSTEM RESET {setting}"));
        }
        postgres_administration("SELECT pg_reload_conf()");
    }
}

#[test]
fn checks_the_certificate_against_a_private_authority() {
    let env = TestEnv::new();
    let Database::Postgres(url) = &env.database else {
        return; // there is no network to a file
    };
    let [authority, certificate, key] = certificate();
    let [other_authority, ..] = self::certificate();
    let tls = WithTls::start(env.folder(), &certificate, &key);
    let file = |name: &str, content: &str| {
        let path = env.folder().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let ours = file("ours.pem", &authority);
    let other = file("other.pem", &other_authority);
    let migrate = |host: &str, mode: &str, authority: Option<&str>| {
        let mut url: Url = url.clone();
        url.set_host(Some(host)).unwrap();
        url.query_pairs_mut().clear().append_pair("sslmode", mode);
        if let Some(authority) = authority {
            url.query_pairs_mut().append_pair("sslrootcert", authority);
        }
        let mut command = env.command(&[("DATABASE_URL", url.as_str())]);
        command.arg("migrate");
        let output = env.run_command(command, "");
        if output.code != Some(0) {
            let line = output.assert_fails_with_one_line();
            assert!(line.contains("DATABASE_URL"), "{line}");
        }
        output.code == Some(0)
    };
    // The server takes up its new settings in a moment.
    let limit = std::time::Duration::from_secs(10);
    crate::support::wait_until("TLS is on", limit, || migrate("localhost", "require", None));
    for (host, mode, authority, is_accepted) in [
        ("localhost", "verify-full", Some(&ours), true),
        ("localhost", "verify-full", Some(&other), false),
        ("localhost", "verify-full", None, false),
        // The certificate is for another name.
        ("127.0.0.1", "verify-full", Some(&ours), false),
        ("127.0.0.1", "verify-ca", Some(&ours), true),
        ("127.0.0.1", "verify-ca", Some(&other), false),
        // As libpq does, though sqlx does not.
        ("127.0.0.1", "require", Some(&ours), true),
        ("127.0.0.1", "require", Some(&other), false),
        (
            "localhost",
            "verify-full",
            Some(&"/no/such/file".to_owned()),
            false,
        ),
    ] {
        let accepted = migrate(host, mode, authority.map(String::as_str));
        assert_eq!(accepted, is_accepted, "{host} {mode} {authority:?}");
    }
    drop(tls);
}
