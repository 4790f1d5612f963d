//! Tests of a whole file: built, searched, and broken in every way.

use std::{fs, path::PathBuf};

use proptest::{collection::vec, prelude::*, sample::select};
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use xorf::{BinaryFuse16, Filter};

use super::{
    BreachedPasswords, InvalidFilter, build,
    hash::Hash,
    header::HEADER_LENGTH,
    part::{Part, place},
};
use crate::crypto::password::Password;

/// A folder with a file of these hashes.
struct Built {
    folder: TempDir,
    length: usize,
}

impl Built {
    fn new(mut hashes: Vec<Hash>) -> Self {
        hashes.sort_unstable();
        let line = |hash: &Hash| -> String {
            let digits = hash.iter().map(|byte| format!("{byte:02X}"));
            digits.chain(["\n".to_owned()]).collect()
        };
        let list: String = hashes.iter().map(line).collect();
        hashes.dedup();
        let folder = tempfile::tempdir().expect("a folder");
        let file = fs::File::create_new(folder.path().join("filter")).expect("a file");
        let built = build(list.as_bytes(), &file, 1).expect("a filter");
        assert_eq!(built.keys, hashes.len() as u64);
        let length = file.metadata().expect("the file").len();
        assert_eq!(built.length, length);
        let length = usize::try_from(length).expect("a short file");
        Self { folder, length }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("filter")
    }

    fn open(&self) -> Result<BreachedPasswords, InvalidFilter> {
        BreachedPasswords::open(&self.path())
    }

    /// Opens the file with another content.
    fn open_with(&self, content: &[u8]) -> Result<BreachedPasswords, InvalidFilter> {
        fs::write(self.path(), content).expect("the file");
        self.open()
    }
}

fn hash(text: &str) -> Hash {
    Sha1::digest(text).into()
}

/// The hashes of numbered passwords, which are as good as random.
fn numbered(numbers: std::ops::Range<u32>) -> Vec<Hash> {
    numbers.map(|number| hash(&number.to_string())).collect()
}

fn contains(breached: &BreachedPasswords, password: &str) -> bool {
    let found = breached.contains(&Password::new(password));
    found.expect("a file that can be searched")
}

#[test]
fn finds_every_password_of_the_list_and_few_others() {
    let breached = Built::new(numbered(0..5_000)).open().expect("a filter");
    assert_eq!(breached.keys(), 5_000);
    breached.verify().expect("a complete file");
    for number in 0..5_000 {
        assert!(contains(&breached, &number.to_string()), "{number}");
    }
    let others = 5_000..70_536;
    let found = others.filter(|number| contains(&breached, &number.to_string()));
    // Of 65,536, one is expected.
    let found = found.count();
    assert!(found <= 6, "{found}");
}

#[test]
fn a_list_may_have_one_hash_or_one_twice() {
    let breached = Built::new(vec![hash("one")]).open().expect("a filter");
    assert!(contains(&breached, "one"));
    assert!(!contains(&breached, "two"));
    let twice = Built::new(vec![hash("one"), hash("one"), hash("two")]);
    let breached = twice.open().expect("a filter");
    assert_eq!(breached.keys(), 2);
    assert!(contains(&breached, "one") && contains(&breached, "two"));
}

/// A list of a billion hashes has about this number of them in each part. The figures in
/// `docs/operations.md` are these.
#[test]
fn a_part_of_a_long_list_has_16_bits_and_a_sixth_for_each_hash() {
    let mut hashes = numbered(0..244_141);
    for hash in &mut hashes {
        hash[0] = 0;
        hash[1] &= 0x0f;
    }
    let built = Built::new(hashes.clone());
    assert_eq!(built.length, HEADER_LENGTH + 565_248);
    assert_eq!(place(&hashes[0]).0, 0);
}

#[test]
fn a_part_has_the_first_12_bits_and_its_keys_the_order_of_the_hashes() {
    let mut hash = [0; 20];
    hash[..10].copy_from_slice(&[0xab, 0xcd, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(place(&hash), (0xabc, 0xcd01_0203_0405_0607));
    hash[9] = 0xff;
    assert_eq!(place(&hash), (0xabc, 0xcd01_0203_0405_0607));
    assert_eq!(place(&[0xff; 20]), (0xfff, u64::MAX));
}

#[test]
fn an_incomplete_file_is_not_opened() {
    let built = Built::new(numbered(0..100));
    let whole = fs::read(built.path()).expect("the file");
    let lengths = (0..40).chain((40..built.length).step_by(997)).chain([
        HEADER_LENGTH - 1,
        HEADER_LENGTH,
        built.length - 1,
    ]);
    for length in lengths {
        assert!(built.open_with(&whole[..length]).is_err(), "{length}");
    }
    let longer = [&whole[..], &[0]].concat();
    assert!(built.open_with(&longer).is_err());
    assert!(built.open_with(&whole).is_ok());
}

#[test]
fn a_changed_byte_is_noticed() {
    let built = Built::new(numbered(0..100));
    let whole = fs::read(built.path()).expect("the file");
    let places = (0..200)
        .chain((200..HEADER_LENGTH).step_by(1009))
        .chain(HEADER_LENGTH - 32..HEADER_LENGTH);
    for place in places {
        let mut content = whole.clone();
        content[place] ^= 0x10;
        assert!(built.open_with(&content).is_err(), "{place}");
    }
    for place in (HEADER_LENGTH..built.length).step_by(53) {
        let mut content = whole.clone();
        content[place] ^= 0x10;
        let opened = built.open_with(&content).expect("an intact header");
        let verified = opened.verify();
        assert!(
            matches!(verified, Err(InvalidFilter::Damaged)),
            "{place}: {verified:?}"
        );
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_open_is_an_error() {
    let built = Built::new(numbered(0..100));
    let opened = built.open().expect("a filter");
    fs::write(built.path(), "").expect("the file");
    let found = opened.contains(&Password::new("1"));
    assert!(matches!(found, Err(InvalidFilter::Read(_))), "{found:?}");
}

#[test]
fn nothing_but_a_file_is_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path(), "/dev/zero".as_ref()] {
        let opened = BreachedPasswords::open(path).map(drop);
        assert!(matches!(opened, Err(InvalidFilter::Foreign)), "{opened:?}");
    }
    let missing = BreachedPasswords::open(&folder.path().join("missing")).map(drop);
    assert!(
        matches!(missing, Err(InvalidFilter::Read(_))),
        "{missing:?}"
    );
}

proptest! {
    /// Whatever an entry of the header says, the library stays within the fingerprints.
    #[test]
    fn no_entry_leads_beyond_the_fingerprints(
        seed: u64,
        segment in select(vec![0, 1, 2, 3, 4, 8, 4096, 1 << 18, 1 << 19, 1 << 31, u32::MAX]),
        segments in select(vec![0, 1, 2, 3, 100, u32::MAX]),
        more in select(vec![0, 0, 0, 1, u32::MAX]),
        keys in vec(any::<u64>(), 100),
    ) {
        let total = segment.wrapping_mul(segments).wrapping_add(more);
        let entry = [
            &seed.to_le_bytes()[..],
            &segment.to_le_bytes(),
            &total.to_le_bytes(),
            &[0; 16],
        ]
        .concat();
        if let Some(part) = Part::decode(&entry) {
            let filter = BinaryFuse16 {
                fingerprints: vec![0; part.length() / 2].into(),
                descriptor: part.descriptor,
            };
            for key in keys.iter().chain(&[0, u64::MAX]) {
                filter.contains(key);
            }
        }
    }
}
