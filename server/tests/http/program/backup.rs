//! `latchkey backup` beside a running server, and `latchkey restore`.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Child,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::support::{Database, NO_LIMITS, Output, TestEnv, wait_until};

const SECRET: &str = "the-master-secret-of-this-test-here";
const OTHER_SECRET: &str = "another-master-secret-of-this-test";

const WITH_SECRET: &str =
    "the database and secret.key; anyone who reads it can sign in as any user";

/// An environment with SQLite. On PostgreSQL there is nothing to test but the refusal.
fn sqlite() -> Option<Arc<TestEnv>> {
    let env = TestEnv::new();
    matches!(env.database, Database::Sqlite(_)).then_some(env)
}

/// The names in a folder.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

/// The entries of a tar file, by name.
fn entries(file: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(File::open(file).expect("a file"));
    let entries = archive.entries().expect("an archive").map(|entry| {
        let mut entry = entry.expect("an entry");
        assert_eq!(entry.header().mode().expect("a mode"), 0o600);
        let name = entry
            .path()
            .expect("a name")
            .to_str()
            .expect("UTF-8")
            .to_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("room in memory");
        (name, content)
    });
    entries.collect()
}

/// Builds a tar file, whatever the names are.
fn build<'a>(entries: impl IntoIterator<Item = (EntryType, &'a str, &'a [u8])>) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, name, content) in entries {
        let mut header = Header::new_gnu();
        header.as_gnu_mut().expect("a header of this kind").name[..name.len()]
            .copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        if kind == EntryType::Symlink {
            header.set_link_name("/etc/passwd").expect("room in memory");
        }
        header.set_cksum();
        archive.append(&header, content).expect("room in memory");
    }
    archive.into_inner().expect("room in memory")
}

fn backup(env: &TestEnv, settings: &[(&str, &str)], arguments: &[&str]) -> Output {
    let mut command = env.command(settings);
    command.arg("backup").args(arguments);
    env.run_command(command, "")
}

fn restore(env: &TestEnv, settings: &[(&str, &str)], file: &Path) -> Output {
    let mut command = env.command(settings);
    command.arg("restore").arg(file);
    env.run_command(command, "")
}

/// The command succeeded and printed this to standard output.
#[track_caller]
fn assert_prints(output: &Output, expected: &str) {
    let Output {
        code,
        stdout,
        stderr,
    } = output;
    assert_eq!(
        (*code, stdout.as_str(), stderr.as_str()),
        (Some(0), expected, "")
    );
}

/// The restoration fails with one line that contains all of these words, and nothing is there afterwards.
#[track_caller]
fn assert_rejected(settings: &[(&str, &str)], file: &Path, words: &[&str]) {
    let env = TestEnv::new();
    let output = restore(&env, settings, file);
    let line = output.assert_fails_with_one_line();
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(!line.contains(OTHER_SECRET), "{line}");
    assert_eq!(names(env.folder()), ["site"]);
}

#[test]
fn restores_what_was_there_before_the_backup() {
    let Some(env) = sqlite() else { return };
    let server = env.start(&[NO_LIMITS]);
    let pair = server.sign_up("ada@example.com");
    let (is_done, acknowledged) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let (before, output) = thread::scope(|scope| {
        for writer in 0..2 {
            let (is_done, acknowledged, server) = (&is_done, &acknowledged, &server);
            scope.spawn(move || {
                for number in 0..1000 {
                    if is_done.load(Ordering::SeqCst) {
                        break;
                    }
                    let email = format!("user-{writer}-{number}@example.com");
                    server.register(&email);
                    acknowledged.lock().unwrap().push(email);
                }
            });
        }
        thread::sleep(Duration::from_millis(500));
        let before = acknowledged.lock().unwrap().clone();
        let output = backup(&env, &[], &["backup.tar"]);
        is_done.store(true, Ordering::SeqCst);
        (before, output)
    });
    assert_prints(&output, &format!("Wrote backup.tar: {WITH_SECRET}\n"));
    assert!(!before.is_empty());
    assert_eq!(names(env.folder()), ["backup.tar", "data", "log", "site"]);
    let file = env.folder().join("backup.tar");
    assert_eq!(mode(&file), 0o600);
    let [
        (database, _),
        (secret_key, secret),
        (information, description),
    ] = &entries(&file)[..]
    else {
        panic!("three entries");
    };
    assert_eq!(
        [database, secret_key, information],
        ["latchkey.db", "secret.key", "backup.json"]
    );
    assert_eq!(
        *secret,
        fs::read(env.data_dir().join("secret.key")).unwrap()
    );
    let description: Value = serde_json::from_slice(description).unwrap();
    assert_eq!(description["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(description["has_secret"], json!(true));
    let url = server.url();
    drop(server);

    let other = TestEnv::new();
    let output = restore(&other, &[], &file);
    assert_eq!(names(&other.data_dir()), ["latchkey.db", "secret.key"]);
    assert_eq!(names(other.folder()), ["data", "site"]);
    assert_eq!(mode(&other.data_dir()), 0o700);
    for name in ["latchkey.db", "secret.key"] {
        assert_eq!(mode(&other.data_dir().join(name)), 0o600, "{name}");
    }
    let users = other.database.count("users", "true");
    let created_at = description["created_at"].as_str().unwrap();
    assert_prints(
        &output,
        &format!(
            "Restored data/latchkey.db with {users} users, from the backup of {created_at}\n\
             Start the server now: latchkey serve\n"
        ),
    );
    assert!(users > before.len());
    let server = other.start(&[NO_LIMITS, ("LATCHKEY_PUBLIC_URL", &url)]);
    server.assert_valid(&pair);
    for email in &before {
        server.sign_in(email);
    }
    server.sign_up("grace@example.com");
}

#[test]
fn a_backup_replaces_no_file_and_leaves_nothing_after_an_error() {
    let Some(env) = sqlite() else { return };
    let output = backup(&env, &[], &["backup.tar"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("there is no database of Latchkey yet"));
    assert_eq!(names(env.folder()), ["site"]);

    drop(env.start(&[]));
    fs::write(env.folder().join("mine"), "mine").unwrap();
    symlink("nowhere", env.folder().join("link")).unwrap();
    for (file, reason) in [
        ("mine", "there is such a file already"),
        ("link", "there is such a file already"),
        ("missing/backup.tar", "No such file or directory"),
        ("mine/backup.tar", "Not a directory"),
        ("/proc/backup.tar", "/proc"),
        ("data", "data is a folder"),
    ] {
        let output = backup(&env, &[], &[file]);
        let line = output.assert_fails_with_one_line();
        assert!(line.contains(file) && line.contains(reason), "{line}");
    }
    // A file can't be longer than this, as on a full disk.
    let command = env.command_in_shell(&[], r#"ulimit -f 200; exec "$0" backup full.tar"#);
    let output = env.run_command(command, "");
    let line = output.assert_fails_with_one_line();
    assert!(
        line.starts_with("latchkey: can't write the backup full.tar: "),
        "{line}"
    );
    assert_eq!(fs::read(env.folder().join("mine")).unwrap(), b"mine");
    assert_eq!(names(env.folder()), ["data", "link", "log", "mine", "site"]);
}

#[test]
fn a_backup_can_leave_the_secret_out() {
    let Some(env) = sqlite() else { return };
    let server = env.start(&[]);
    let pair = server.sign_up("ada@example.com");
    let url = server.url();
    let output = backup(&env, &[], &["backup.tar", "--without-secret"]);
    assert_prints(
        &output,
        "Wrote backup.tar: the database without the master secret, as --without-secret says; keep the secret \
         in another place, as nothing can be restored without it\n",
    );
    let file = env.folder().join("backup.tar");
    let kept = entries(&file);
    assert_eq!(kept.len(), 2);
    assert_eq!((&*kept[0].0, &*kept[1].0), ("latchkey.db", "backup.json"));
    let secret = fs::read_to_string(env.data_dir().join("secret.key")).unwrap();

    let words = ["LATCHKEY_SECRET", "the backup has no master secret"];
    assert_rejected(&[], &file, &words);
    let words = ["LATCHKEY_SECRET", "another master secret"];
    assert_rejected(&[("LATCHKEY_SECRET", OTHER_SECRET)], &file, &words);

    // The secret is a variable.
    let other = TestEnv::new();
    let settings = [
        ("LATCHKEY_SECRET", secret.trim()),
        ("LATCHKEY_PUBLIC_URL", &*url),
    ];
    assert_eq!(restore(&other, &settings, &file).code, Some(0));
    assert_eq!(names(&other.data_dir()), ["latchkey.db"]);
    other.start(&settings).assert_valid(&pair);

    // The secret was put into the folder before.
    let other = TestEnv::new();
    fs::create_dir(other.data_dir()).unwrap();
    let secret_key = other.data_dir().join("secret.key");
    fs::write(&secret_key, OTHER_SECRET).unwrap();
    let output = restore(&other, &[], &file);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("another master secret"), "{line}");
    assert_eq!(names(&other.data_dir()), ["secret.key"]);
    fs::write(&secret_key, &secret).unwrap();
    assert_eq!(restore(&other, &[], &file).code, Some(0));
    other.start(&[]).sign_in("ada@example.com");
}

#[test]
fn a_backup_has_no_secret_that_is_a_variable() {
    let Some(env) = sqlite() else { return };
    let settings = [("LATCHKEY_SECRET", SECRET)];
    drop(env.start(&settings));
    let output = backup(&env, &[], &["backup.tar"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("LATCHKEY_SECRET"), "{line}");
    let other = [("LATCHKEY_SECRET", OTHER_SECRET)];
    let output = backup(&env, &other, &["backup.tar"]);
    let line = output.assert_fails_with_one_line();
    assert!(line.contains("another master secret"), "{line}");
    assert_eq!(names(env.folder()), ["data", "log", "site"]);

    let output = backup(&env, &settings, &["backup.tar"]);
    assert_prints(
        &output,
        "Wrote backup.tar: the database without the master secret, which LATCHKEY_SECRET has; keep it in \
         another place, as nothing can be restored without it\n",
    );
    let file = env.folder().join("backup.tar");
    assert_eq!(entries(&file).len(), 2);
    assert_rejected(&[], &file, &["the backup has no master secret"]);
}

#[test]
fn a_restoration_overwrites_nothing() {
    let Some(env) = sqlite() else { return };
    drop(env.start(&[]));
    assert_eq!(backup(&env, &[], &["backup.tar"]).code, Some(0));
    let file = env.folder().join("backup.tar");
    for name in ["latchkey.db", "latchkey.db-wal", "latchkey.db-shm"] {
        let other = TestEnv::new();
        fs::create_dir(other.data_dir()).unwrap();
        fs::write(other.data_dir().join(name), "mine").unwrap();
        let output = restore(&other, &[], &file);
        let line = output.assert_fails_with_one_line();
        let expected = format!("latchkey: data/{name} exists already, and nothing is overwritten");
        assert!(line.starts_with(&expected), "{line}");
        assert_eq!(names(&other.data_dir()), [name]);
        assert_eq!(fs::read(other.data_dir().join(name)).unwrap(), b"mine");
    }
    let other = TestEnv::new();
    fs::create_dir(other.data_dir()).unwrap();
    let secret_key = other.data_dir().join("secret.key");
    fs::write(&secret_key, OTHER_SECRET).unwrap();
    let output = restore(&other, &[], &file);
    let line = output.assert_fails_with_one_line();
    assert!(
        line.contains("data/secret.key exists already with another master secret"),
        "{line}"
    );
    assert_eq!(names(&other.data_dir()), ["secret.key"]);
    assert_eq!(fs::read_to_string(&secret_key).unwrap(), OTHER_SECRET);

    // The same secret is no obstacle, nor is another place for the database.
    fs::copy(env.data_dir().join("secret.key"), &secret_key).unwrap();
    let url = [("DATABASE_URL", "sqlite://elsewhere/my.db")];
    let output = restore(&other, &url, &file);
    let start = "Restored elsewhere/my.db with 0 users, from the backup of ";
    assert!(output.stdout.starts_with(start), "{output:?}");
    assert_eq!(names(&other.data_dir()), ["secret.key"]);
    assert_eq!(names(&other.folder().join("elsewhere")), ["my.db"]);
    drop(other.start(&url));
}

#[test]
fn rejects_what_is_no_backup() {
    let Some(env) = sqlite() else { return };
    let server = env.start(&[]);
    server.register("ada@example.com");
    drop(server);
    assert_eq!(backup(&env, &[], &["good.tar"]).code, Some(0));
    let good = fs::read(env.folder().join("good.tar")).unwrap();
    let parts = entries(&env.folder().join("good.tar"));
    let [(_, database), (_, secret), (_, info)] = &parts[..] else {
        panic!("three entries");
    };
    let (file, link) = (EntryType::Regular, EntryType::Symlink);
    let (database, secret, info) = (&**database, &**secret, &**info);
    let rest = [(file, "secret.key", secret), (file, "backup.json", info)];
    let with = |entry| build([entry].into_iter().chain(rest));
    let complete = with((file, "latchkey.db", database));
    let extended = |entry| {
        let all = [(file, "latchkey.db", database)].into_iter().chain(rest);
        build(all.chain([entry]))
    };
    let mut changed = good.clone();
    // In the middle of the database, where SQLite may not look.
    changed[512 + database.len() / 2] ^= 1;
    let other_secret = build([
        (file, "latchkey.db", database),
        (file, "secret.key", OTHER_SECRET.as_bytes()),
        (file, "backup.json", info),
    ]);
    let long = vec![b'x'; 100_000];
    let path = env.folder().join("bad.tar");
    for (content, reason) in [
        (&b""[..], "latchkey.db is missing"),
        (&[0; 10_240], "latchkey.db is missing"),
        (b"not a tar file", "no backup of Latchkey, or damaged"),
        (database, "no backup of Latchkey, or damaged"),
        (&good[..100], "no backup of Latchkey, or damaged"),
        (&good[..512], "it ends within latchkey.db"),
        (&good[..good.len() / 2], "it ends within latchkey.db"),
        (&good[..512 + database.len()], "backup.json is missing"),
        (&changed, "it is damaged: latchkey.db has changed"),
        (
            &with((file, "../latchkey.db", database)),
            "it contains ../latchkey.db",
        ),
        (
            &with((file, "/latchkey.db", database)),
            "it contains /latchkey.db",
        ),
        (
            &with((file, "./latchkey.db", database)),
            "it contains ./latchkey.db",
        ),
        (&with((link, "latchkey.db", b"")), "it contains latchkey.db"),
        (
            &with((EntryType::Link, "latchkey.db", b"")),
            "it contains latchkey.db",
        ),
        (&with((EntryType::Directory, "x", b"")), "it contains x"),
        (
            &extended((link, "secret.key", b"")),
            "it contains secret.key",
        ),
        (&extended((file, "../x", b"x")), "it contains ../x"),
        (
            &extended((file, "latchkey.db", b"x")),
            "it contains latchkey.db",
        ),
        (
            &extended((EntryType::GNULongName, "x", b"x")),
            "it contains x",
        ),
        (&build([(file, "backup.json", &*long)]), "too long"),
        (
            &build([
                (file, "backup.json", &b"{}"[..]),
                (file, "latchkey.db", database),
            ]),
            "backup.json can't be read",
        ),
        (
            &build([(file, "latchkey.db", database), (file, "backup.json", info)]),
            "backup.json does not fit",
        ),
        (&other_secret, "another master secret"),
    ] {
        fs::write(&path, content).unwrap();
        assert_rejected(&[], &path, &["can't restore", "bad.tar", reason]);
    }
    assert_rejected(&[], env.folder(), &["it is not a file"]);
    assert_rejected(
        &[],
        &env.folder().join("missing"),
        &["No such file or directory"],
    );
    // The tar file was rejected for nothing else.
    fs::write(&path, complete).unwrap();
    assert_eq!(restore(&TestEnv::new(), &[], &path).code, Some(0));
}

#[test]
fn rejects_databases_that_it_can_not_use() {
    let Some(env) = sqlite() else { return };
    drop(env.start(&[]));
    // Changes the database from which a backup is made, and hides that from the program.
    let backup_of = |sql: &str, name: &str| {
        assert_eq!(backup(&env, &[], &["good.tar"]).code, Some(0));
        let good = env.folder().join("good.tar");
        let parts = entries(&good);
        fs::remove_file(good).unwrap();
        let copy = env.folder().join("copy.db");
        fs::write(&copy, &parts[0].1).unwrap();
        Database::Sqlite(copy.clone()).execute(sql);
        let database = fs::read(&copy).unwrap();
        fs::remove_file(copy).unwrap();
        let mut info: Value = serde_json::from_slice(&parts[2].1).unwrap();
        info["database_sha256"] = sha256(&database).into();
        let info = info.to_string();
        let file = EntryType::Regular;
        let content = build([
            (file, "latchkey.db", &*database),
            (file, "secret.key", &parts[1].1),
            (file, "backup.json", info.as_bytes()),
        ]);
        let path = env.folder().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let newer = backup_of(
        "INSERT INTO latchkey_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'later', true, x'00', 1)",
        "newer.tar",
    );
    assert_rejected(&[], &newer, &["newer than this program", "9999"]);
    let foreign = backup_of("DROP TABLE latchkey_migrations", "foreign.tar");
    assert_rejected(&[], &foreign, &["it has no database of Latchkey"]);
    // Serving brings an older one up to date.
    let older = backup_of(
        "DELETE FROM latchkey_migrations WHERE version = \
         (SELECT max(version) FROM latchkey_migrations)",
        "older.tar",
    );
    assert_eq!(restore(&TestEnv::new(), &[], &older).code, Some(0));
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A running process, which is killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn repeats_backups_and_removes_old_ones() {
    let Some(env) = sqlite() else { return };
    let server = env.start(&[]);
    server.register("ada@example.com");
    let folder = env.folder().join("backups");
    let output = backup(&env, &[], &["backups", "--every", "1s"]);
    let line = output.assert_fails_with_one_line();
    assert_eq!(line, "latchkey: backups is not a folder");
    fs::create_dir(&folder).unwrap();
    let old = "latchkey-20200101T000000.000Z.tar";
    let others = ["latchkey-20200101T000000.000Z.tar.gz", "latchkey-mine.tar"];
    for name in [old, others[0], others[1]] {
        fs::write(folder.join(name), "").unwrap();
    }
    let log = env.folder().join("backup-log");
    let mut command = env.command(&[]);
    command
        .args(["backup", "backups", "--every", "1s", "--keep", "2"])
        .stdout(File::create(env.folder().join("output")).unwrap())
        .stderr(File::create(&log).unwrap());
    let mut running = Running(command.spawn().unwrap());
    let log = || fs::read_to_string(&log).unwrap();
    let limit = Duration::from_secs(20);
    let backups = || -> Vec<String> {
        let names = names(&folder).into_iter();
        names
            .filter(|name| name.ends_with("Z.tar") && name != old)
            .collect()
    };
    wait_until("a first backup", limit, || !backups().is_empty());
    let first = backups().remove(0);
    assert_eq!(first.len(), old.len(), "{first}");
    wait_until("the first one is removed", limit, || {
        !backups().contains(&first)
    });
    let is_there = |name: &str| folder.join(name).exists();
    assert!(!is_there(old));
    assert!(others.iter().all(|name| is_there(name)));

    // A failure does not end it, nor removes it anything.
    let secret_key = env.data_dir().join("secret.key");
    let kept = env.folder().join("kept");
    fs::rename(&secret_key, &kept).unwrap();
    wait_until("a failure", limit, || log().contains("backup failed"));
    let left = backups();
    assert_eq!(left.len(), 2);
    fs::rename(&kept, &secret_key).unwrap();
    wait_until("backups go on", limit, || backups() != left);

    let pid = running.0.id().to_string();
    let killed = std::process::Command::new("sh")
        .args(["-c", r#"kill -s TERM "$0""#, &pid])
        .status();
    assert!(killed.unwrap().success());
    let mut status = None;
    wait_until("it stops", limit, || {
        status = running.0.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(
        status.and_then(|status| status.code()),
        Some(0),
        "{}",
        log()
    );
    assert!(names(&folder).iter().all(|name| !name.starts_with('.')));
    assert!((1..=3).contains(&backups().len()), "{:?}", backups());
    let last = folder.join(backups().pop().unwrap());
    assert_eq!(mode(&last), 0o600);
    let other = TestEnv::new();
    assert_eq!(restore(&other, &[], &last).code, Some(0));
    other.start(&[]).sign_in("ada@example.com");
}

#[test]
fn refuses_postgresql_databases() {
    let env = TestEnv::new();
    fs::write(env.folder().join("file"), "").unwrap();
    let url = [("DATABASE_URL", "postgres://ada:hush-hush@127.0.0.1:1/x")];
    let output = backup(&env, &url, &["backup.tar"]);
    let expected = "latchkey: DATABASE_URL: latchkey backup copies SQLite databases; for PostgreSQL use pg_dump, \
                    as docs/operations.md describes";
    assert_eq!(output.assert_fails_with_one_line(), expected);
    let output = backup(&env, &url, &[".", "--every", "1s"]);
    assert_eq!(output.assert_fails_with_one_line(), expected);
    let output = restore(&env, &url, &env.folder().join("file"));
    let expected = "latchkey: DATABASE_URL: latchkey restore writes SQLite databases; for PostgreSQL use \
                    pg_restore or psql, as docs/operations.md describes";
    assert_eq!(output.assert_fails_with_one_line(), expected);
    assert_eq!(names(env.folder()), ["file", "site"]);
}

#[test]
fn rejects_invalid_intervals_and_numbers() {
    let env = TestEnv::new();
    for (arguments, reason) in [
        (&[][..], "<FILE>"),
        (&[".", "--keep", "7"], "--every <DURATION>"),
        (&[".", "--every", "0s"], "it must be from 1s to 365d"),
        (&[".", "--every", "366d"], "it must be from 1s to 365d"),
        (
            &[".", "--every", "soon"],
            "write it as 90s, 15m, 12h or 30d",
        ),
        (&[".", "--every", "1h", "--keep", "0"], "1..=1000"),
        (&[".", "--every", "1h", "--keep", "1001"], "1..=1000"),
    ] {
        let output = backup(&env, &[], arguments);
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(reason), "{output:?}");
    }
    assert_eq!(names(env.folder()), ["site"]);
}
