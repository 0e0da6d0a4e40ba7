//! The adapter from outside: the conformance suite on a file and in memory, and every bad case of a file.
#![expect(clippy::unwrap_used, reason = "tests")]

mod sqlite {
    mod bad_files;
    mod conformance;
    mod lock;
    mod processes;
}
