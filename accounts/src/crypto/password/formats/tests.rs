//! Tests of the formats with hashes that other programs have made.

use std::sync::Mutex;

use super::{
    super::{
        entered::Password,
        stored::Memory,
        verify::Verified,
        verify::{SeenCosts, verify},
    },
    *,
};

/// Made by Django 5.2 with the smallest costs, and by Python's libraries, of "correct horse é".
const HASHES: [&str; 14] = [
    "pbkdf2_sha256$1000$saltsaltsalt$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
    "pbkdf2_sha1$1000$saltsaltsalt$VvJjxrH5uKMZWm9BnZKYeKWH6CQ=",
    "argon2$argon2id$v=19$m=64,t=1,p=2$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
    "bcrypt_sha256$$2b$04$caB3fogzgvcdFdFh6lct6.qDvc6bDdlaDheqcv9BBUmW0M.twn8rO",
    "bcrypt$$2b$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
    "$2a$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
    "$2y$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
    "scrypt$16$saltsaltsalt$2$3$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8LqrjOVhCLnbCdKU53SlEXGJQnTSmNRZTSI7gLhTM/c8w==",
    "$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$+O8F4n2320yoOi7NiLf7Ziq8ZW9vU29pKpmVxwnI2J0",
    "$argon2d$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$DdPpbSq46KxsL3LT6Bkdr4Q0LUxj7KkzQ7oJC5v9XkY",
    "$scrypt$ln=4,r=2,p=3$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
    "$pbkdf2-sha256$1000$c2FsdHNhbHRzYWx0$HpSbrkBrDWDAB9HrNXHZggikF.GO3Q6ksWrO0IeZG4M",
    "$pbkdf2-sha512$i=1000,l=64$c2FsdHNhbHRzYWx0$1+MRk5MdBIvz458mlu77XO49LU/hG/wPGMgrquDHnKrvBECFmL4Mh/7o/f45/MDCqGr2BjXMTiGLI4ae71DLrQ",
    "$pbkdf2-sha1$i=1000$c2FsdHNhbHRzYWx0$VvJjxrH5uKMZWm9BnZKYeKWH6CQ",
];

/// The example in Firebase's description of its algorithm, of "user1password".
const FIREBASE: &str = "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";

fn cost() -> HashingCost {
    "m=64,t=1,p=1".parse().unwrap()
}

fn check(stored: &str, password: &str) -> Verified {
    let current = cost().0;
    let seen = Mutex::new(SeenCosts::new(&current));
    let password = Password::new(password);
    let memory = &mut Memory::default();
    verify(&password, Some(stored), [1; 16], &current, &seen, memory).unwrap()
}

#[test]
fn only_the_password_of_a_hash_matches_it_and_gets_a_new_one() {
    let mut hashes: Vec<_> = HASHES.map(|hash| (hash, "correct horse \u{e9}")).into();
    hashes.push((FIREBASE, "user1password"));
    for (hash, password) in hashes {
        assert_eq!(check_imported(hash, &cost()), Ok(()), "{hash}");
        let verified = check(hash, password);
        let Verified::RightWithNewHash(new) = verified else {
            panic!("{hash}: {verified:?}");
        };
        assert!(new.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{new}");
        assert_eq!(check(&new, password), Verified::Right);
        for wrong in ["", "correct horse e", "correct horse \u{e9} "] {
            assert_eq!(check(hash, wrong), Verified::Wrong, "{hash}");
        }
    }
}

#[test]
fn a_hash_may_be_of_the_password_as_it_was_typed() {
    let hash = "pbkdf2_sha256$2$saltsalt$E+mFAv1TDP4qxd21Xa3UxHO6Rh6rrXxw3SxxWvRlnIY=";
    let typed = check(hash, "cafe\u{301} noir");
    assert!(matches!(typed, Verified::RightWithNewHash(_)), "{typed:?}");
}

/// Hashes, and whether they are accepted.
const COSTS: [(&str, bool); 15] = [
    (
        "$2b$14$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        true,
    ),
    (
        "$2b$15$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        false,
    ),
    (
        "$2b$31$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        false,
    ),
    (
        "pbkdf2_sha256$4000000$s$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        true,
    ),
    (
        "pbkdf2_sha256$4294967295$s$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        false,
    ),
    (
        "pbkdf2_sha256$99999999999$s$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        false,
    ),
    (
        "$scrypt$ln=17,r=8,p=2$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
        true,
    ),
    (
        "$scrypt$ln=17,r=8,p=4$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
        false,
    ),
    (
        "$scrypt$ln=18,r=8,p=1$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
        false,
    ),
    (
        "$scrypt$ln=63,r=8,p=1$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
        false,
    ),
    (
        "$scrypt$ln=4,r=65536,p=65536$c2FsdHNhbHRzYWx0$sMpupVT5jNh5/SusggPODqzt8gBl+m8Hci1Ur6RHc8I",
        false,
    ),
    (
        "$argon2i$v=19$m=102400,t=8,p=8$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
        true,
    ),
    (
        "$argon2i$v=19$m=131073,t=1,p=1$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
        false,
    ),
    (
        "$argon2d$v=19$m=65536,t=64,p=1$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
        false,
    ),
    (
        "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
        false,
    ),
];

#[test]
fn a_hash_that_costs_too_much_is_neither_imported_nor_checked() {
    for (text, is_affordable) in COSTS {
        let expected = if is_affordable {
            Ok(())
        } else {
            Err(TooExpensive)
        };
        assert_eq!(check_imported(text, &cost()), expected, "{text}");
        assert_eq!(StoredHash::parse(text).map(drop), expected, "{text}");
    }
}

#[test]
fn a_hash_of_latchkey_may_cost_what_new_ones_cost() {
    let hash = "$argon2id$v=19$m=262144,t=2,p=1$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0";
    assert!(StoredHash::parse(hash).is_ok());
    assert_eq!(check_imported(hash, &cost()), Err(TooExpensive));
    let same = "m=262144,t=2,p=1".parse().unwrap();
    assert_eq!(check_imported(hash, &same), Ok(()));
}

const NO_HASHES: [(&str, InvalidHash); 21] = [
    ("secret", UnknownKind),
    ("md5$salt$d41d8cd98f00b204e9800998ecf8427e", UnknownKind),
    ("$1$salt$hash", UnknownKind),
    (
        "$2x$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        UnknownKind,
    ),
    (
        "bcrypt$$2x$04$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        Malformed,
    ),
    ("$2b$04$8GP2BI1FbuiPPxOJ", Malformed),
    (
        "$2b$4$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        Malformed,
    ),
    (
        "$2b$03$8GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        Malformed,
    ),
    (
        "$2b$04$\u{e9}GP2BI1FbuiPPxOJ/IfuLu0DuHVNYdzsUu0A0Pijnum/3UP34h7T2",
        Malformed,
    ),
    ("pbkdf2_sha256$1000$salt", Malformed),
    ("pbkdf2_sha256$1000$salt$aGFzaA==$", Malformed),
    ("pbkdf2_sha256$1000$salt$aGFzaA==", Malformed),
    (
        "pbkdf2_sha256$1000$$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "pbkdf2_sha256$0$salt$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "pbkdf2_sha256$-1$salt$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "pbkdf2_sha1$1000$salt$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "scrypt$15$salt$8$1$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "scrypt$0$salt$8$1$HpSbrkBrDWDAB9HrNXHZggikF+GO3Q6ksWrO0IeZG4M=",
        Malformed,
    ),
    (
        "$argon2id$v=18$m=64,t=1,p=1$c2FsdHNhbHRzYWx0$rlUCbEADXxVqD3Mz6ij0wpxLFrDDc1BSL131p7N2HJ0",
        Malformed,
    ),
    ("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0", Malformed),
    (
        "$fbscrypt$v=1,n=14,r=8,p=1,ss=Bw==$42xEC+ixf3L2lw==$lSrfV15cpx95",
        Malformed,
    ),
];

#[test]
fn texts_that_are_no_hashes_are_told_apart() {
    let long = "$2b$".repeat(1000);
    for (text, expected) in NO_HASHES.into_iter().chain([(&*long, Malformed)]) {
        assert_eq!(check_imported(text, &cost()), Err(expected), "{text}");
        assert_eq!(check(text, text), Verified::Wrong, "{text}");
    }
}
